"""Processes that share a folder add up, and what one of them counted outlives it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from core import telemetry

# Counts once itself and once in a fork, says so, and stays until it is told to go.
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


def start(folder: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", COUNTING],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.communicate("\n", timeout=20)
    assert process.returncode == 0


def counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """How many tasks all processes of the folder counted."""
    monkeypatch.setattr(telemetry, "METRICS_DIRECTORY", str(folder))
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


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.db"))


def test_processes_and_their_forks_add_up_and_the_next_take_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "metrics"
    first, second = start(folder), start(folder)
    assert counted(folder, monkeypatch) == 4
    end(first)
    assert counted(folder, monkeypatch) == 4
    # In the place of one that is gone: its sums go on, and no file is added for it.
    before = files(folder)
    third = start(folder)
    assert counted(folder, monkeypatch) == 6
    assert files(folder) == before
    end(second)
    end(third)
    # A start from nothing: nobody is there any more whose counts these could be.
    fourth = start(folder)
    assert counted(folder, monkeypatch) == 2
    end(fourth)


def test_names_and_help_are_fit_for_prometheus() -> None:
    for family in telemetry.REGISTRY.collect():
        assert family.name.startswith("finishd_")
        assert family.documentation.endswith(".")
        assert family.type in {"counter", "histogram"}
        assert family.name.endswith("_seconds") == (family.type == "histogram")
