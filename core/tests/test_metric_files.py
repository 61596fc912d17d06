"""Metrics of processes whose disk is full: no process dies, and the values reach the files afterwards."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from prometheus_client.mmap_dict import MmapedDict

from core.metric_files import FIRST_SIZE, MetricFile
from finishd.testing.small_disk import SmallDisk, small_disk

# Reads numbers, and counts a task in each of so many series.
COUNTING: Final = """
import sys
from core import metric_files, process_slots, telemetry
metric_files.RETRY_SECONDS = process_slots.RETRY_SECONDS = 0.05
for line in sys.stdin:
    for number in range(int(line)):
        telemetry.TASKS_FINISHED.labels("counting", f"outcome {number} " + "x" * 100).inc()
    print("counted", flush=True)
"""


class Counting:
    """A process that counts, with its metrics in a folder of the disk."""

    def __init__(self, disk: SmallDisk, log: Path) -> None:
        self._log = log
        environment = [f"PROMETHEUS_MULTIPROC_DIR={disk.directory / 'metrics'}", "PYTHONDONTWRITEBYTECODE=1"]
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                disk.command("env", *environment, sys.executable, "-c", COUNTING, cwd=settings.BASE_DIR),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def count(self, labels: int) -> None:
        """Count one task in each of so many series."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{labels}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "counted\n", self.end()

    def end(self) -> tuple[int, str]:
        """Return the exit code and the log."""
        self._process.communicate(timeout=30)
        return self._process.returncode, self._log.read_text()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", mebibytes=1) as disk:
        yield disk


@pytest.fixture
def start(disk: SmallDisk, tmp_path: Path) -> Callable[[], Counting]:
    return lambda: Counting(disk, tmp_path / "log")


def get_sum(disk: SmallDisk) -> float:
    """Return the sum of all counters in the files of all processes."""
    files = (disk.path / "metrics").glob("counter_*.db")
    return sum(sum(read_values(file).values()) for file in files)


def read_values(file: Path) -> dict[str, float]:
    entries = MmapedDict.read_all_values_from_file(str(file))
    return {key: value for key, value, _, _ in entries}


def wait_for_sum(disk: SmallDisk, process: Counting, counted: float) -> None:
    """Let the process count in one series until all that waited is in its file."""
    deadline = time.monotonic() + 20
    while get_sum(disk) < counted:
        process.count(1)
        assert time.monotonic() < deadline


def test_a_disk_that_fills_up_does_not_stop_a_process_from_counting(
    disk: SmallDisk, start: Callable[[], Counting]
) -> None:
    process = start()
    process.count(10)
    disk.fill()
    for _ in range(3):
        process.count(10)
    assert get_sum(disk) == 40
    assert process.end() == (0, "")


def test_new_series_wait_in_memory_until_the_disk_has_space(
    disk: SmallDisk, start: Callable[[], Counting]
) -> None:
    process = start()
    process.count(10)
    disk.fill()
    process.count(2_000)
    assert 10 < get_sum(disk) < 1_000
    disk.free()
    wait_for_sum(disk, process, 2_010)
    code, log = process.end()
    assert code == 0
    assert "metrics: no space in" in log


def test_a_process_that_starts_on_a_full_disk_counts_for_itself_until_there_is_space(
    disk: SmallDisk, start: Callable[[], Counting]
) -> None:
    disk.fill()
    process = start()
    process.count(10)
    assert get_sum(disk) == 0
    disk.free()
    wait_for_sum(disk, process, 10)
    code, log = process.end()
    assert code == 0
    assert "metrics: no" in log


def test_a_new_file_has_no_holes_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "counter_0.db"
    file = MetricFile(str(path))
    for number in range(3_000):
        file.write_value(f"key {number}", number, 0.0)
        status = path.stat()
        assert status.st_blocks * 512 >= status.st_size
    assert path.stat().st_size == 2 * FIRST_SIZE
    assert read_values(path) == {f"key {number}": number for number in range(3_000)}
    file.close()


def test_the_holes_of_a_file_of_an_earlier_version_are_filled(tmp_path: Path) -> None:
    path = tmp_path / "counter_0.db"
    earlier = MmapedDict(str(path))
    earlier.write_value("key", 7.0, 0.0)
    earlier.close()
    assert path.stat().st_blocks * 512 < path.stat().st_size
    file = MetricFile(str(path))
    assert file.read_value("key") == (7.0, 0.0)
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    file.close()
