"""Test that the promises of a soak hold after SQL was restored from a backup, while Redis kept newer data."""

import gc
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from bench.servers import ROOT, running_servers
from finishd.testing.postgres import find_binaries
from soak.actors import Actors
from soak.deployment import SoakDeployment
from soak.draining import wait_until_idle
from soak.record import RunRecord
from soak.run import apply_load, find_wrong_results, open_feeds

pytestmark = [
    pytest.mark.gauntlet,
    pytest.mark.timeout(1_200),
    # The connections of phones and processes are closed when they are collected, as in a soak.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

ITEMS: Final = 600
LOAD_SECONDS: Final = 40.0
MAX_RESTORE_SECONDS: Final = 180.0


def test_the_promises_of_the_time_of_the_backup_hold_after_a_restore(tmp_path: Path) -> None:
    check_restore(tmp_path)
    gc.collect()


def check_restore(tmp_path: Path) -> None:
    with running_servers() as servers:
        deployment = SoakDeployment(servers, items=ITEMS)
        before = act(deployment, seed=1)
        assert find_wrong_results(before) == []
        dump = tmp_path / "finishd.dump"
        run_tool("pg_dump", "--format", "custom", "--file", str(dump), deployment.database)
        deployment.start("beat")
        act(deployment, seed=2)  # by the same people, and with other items unpublished
        assert find_wrong_results(before) != []

        started_at = time.monotonic()
        deployment.stop_everything()
        run_tool("pg_restore", "--clean", "--if-exists", "--dbname", deployment.database, str(dump))
        output = manage(deployment, "after_restore")
        deployment.start_everything()
        open_feeds(before)
        print(f"{output}restored, and all feeds read, after {time.monotonic() - started_at:.1f} s")
        assert time.monotonic() - started_at < MAX_RESTORE_SECONDS
        wait_until_idle(before)
        assert before.record.violations == []
        assert find_wrong_results(before) == []


def act(deployment: SoakDeployment, *, seed: int) -> Actors:
    """Let people and staff act for some time, and wait until no work is left and beat has stopped."""
    actors = Actors(deployment, RunRecord(), seed)
    open_feeds(actors)
    actors.record.restart()
    apply_load(actors, [], LOAD_SECONDS)
    wait_until_idle(actors)
    return actors


def manage(deployment: SoakDeployment, *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    return run(command, env={**deployment.settings, "REDIS_TIMEOUT": "5"})


def run_tool(name: str, *arguments: str) -> str:
    """Run a command of PostgreSQL."""
    return run([str(find_binaries() / name), *arguments])


def run(command: list[str], env: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=env, timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout
