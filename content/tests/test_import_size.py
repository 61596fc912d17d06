"""The memory that an import of 50,000 items needs, in a process with the settings of `make run`."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from content.tests.imports import master_item

ITEMS = 50_000
MAX_MB = 300
REPO = Path(__file__).resolve().parents[2]
SPELLINGS = ("Drama", "Sci-Fi", "science fiction", "SCIFI", "Comedy", "Action", "Thriller", "Horror")
# Runs the command and prints the kernel's record of the process, with its peak of memory.
RUN_AND_MEASURE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
print(open("/proc/self/status").read())
"""


@pytest.mark.gauntlet
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="the peak of memory is read from /proc, which only Linux has",
)
def test_importing_fifty_thousand_items_needs_less_than_300_mb(tmp_path: Path) -> None:
    path = tmp_path / "master_content.json"
    _write(path, _rows())
    _manage(tmp_path, "migrate", "-v0")
    arguments = ("import_catalog", str(path), "--publish", "--report", str(tmp_path / "report.jsonl"))
    first = _manage(tmp_path, *arguments)
    assert f"created {ITEMS}, updated 0, unchanged 0, rejected 0" in first
    assert _peak_mb(first) < MAX_MB
    second = _manage(tmp_path, *arguments)
    assert f"created 0, updated 0, unchanged {ITEMS}, rejected 0" in second
    assert _peak_mb(second) < MAX_MB


def _rows() -> Iterator[dict[str, object]]:
    for n in range(ITEMS):
        yield master_item(
            f"item-{n:06d}",
            tmdbId=n + 1,
            overview=f"{n} " + "what it is about " * 30,
            genres=[SPELLINGS[n % 8], SPELLINGS[(3 * n + 1) % 8]],
            popularity=n / 7,
            voteAverage=n % 100 / 10,
            releaseDate=f"20{n % 25:02d}-0{n % 9 + 1}-11",
        )


def _write(path: Path, rows: Iterator[dict[str, object]]) -> None:
    with path.open("w") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(("," if number else "") + json.dumps(row))
        file.write("]")


def _manage(data: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "FINISHD_DATA": str(data),
        "DATABASE_URL": f"sqlite:///{data / 'db.sqlite3'}",
        "DEBUG": "true",
        "DJANGO_SETTINGS_MODULE": "finishd.settings",
    }
    process = subprocess.run(
        [sys.executable, "-c", RUN_AND_MEASURE, *arguments],
        cwd=REPO,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return process.stdout


def _peak_mb(output: str) -> float:
    match = re.search(r"VmHWM:\s+(\d+) kB", output)
    assert match
    return int(match[1]) / 1024
