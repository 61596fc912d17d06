"""Metrics of several processes: they add up, and outlive their process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core import telemetry

# Counts one task itself and one in a fork, prints a line, and exits when its input has one.
COUNTING = """
import os, sys
from core import telemetry
child = os.fork()
telemetry.TASKS_FINISHED.labels("counting", "succeeded").inc()
telemetry.TASK_TIME.labels("counting").observe(0.02)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
print("counted", flush=True)
sys.stdin.readline()
"""


def start_process(directory: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def end_process(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=20)
    assert process.returncode == 0


def get_tasks_counted(directory: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Return the number of tasks that all processes of the directory counted."""
    monkeypatch.setattr(telemetry, "METRICS_DIRECTORY", str(directory))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(telemetry.ProcessMetricsCollector())
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        for sample in family.samples
        if sample.labels.get("task") == "counting"
    }
    assert samples["finishd_tasks_total"] == samples["finishd_task_duration_seconds_count"]
    return samples["finishd_tasks_total"]


def get_files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.db"))


def test_processes_and_forks_add_up_and_a_new_process_continues_a_dead_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "metrics"
    first, second = start_process(directory), start_process(directory)
    assert get_tasks_counted(directory, monkeypatch) == 4
    end_process(first)
    assert get_tasks_counted(directory, monkeypatch) == 4
    # A new process takes the slot of the dead one: it continues its sums and adds no file.
    before = get_files(directory)
    third = start_process(directory)
    assert get_tasks_counted(directory, monkeypatch) == 6
    assert get_files(directory) == before
    end_process(second)
    end_process(third)
    # The first process in an unused directory starts from zero.
    fourth = start_process(directory)
    assert get_tasks_counted(directory, monkeypatch) == 2
    end_process(fourth)


def test_names_and_help_follow_the_conventions_of_prometheus() -> None:
    for family in telemetry.REGISTRY.collect():
        assert family.name.startswith("finishd_")
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "histogram"}
        assert family.name.endswith("_seconds") == (family.type == "histogram")
