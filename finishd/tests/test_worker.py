"""Test that the pinned version of Celery survives the end of Redis and of a worker process (docs/decisions/0004)."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from kombu.exceptions import OperationalError

from core.tests.probe_tasks import hold
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard, signal_group

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Workers:
    """Worker processes that use the Redis server of this test process."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "workers.log"
        self._guard = Guard()
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> "subprocess.Popen[bytes]":
        options = ["--include", "core.tests.probe_tasks", "--concurrency", "1", "--loglevel", "info"]
        with self.log.open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "finishd", "worker", *options],
                cwd=settings.BASE_DIR,
                env=os.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.add(worker.pid)
        self._processes.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._processes:
            signal_group(worker.pid, signal.SIGKILL)
            worker.wait()
        self._guard.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(tmp_path)
    yield workers
    workers.close()


def test_a_worker_that_runs_a_task_survives_the_death_of_redis(
    redis_server: RedisServer, workers: Workers, tmp_path: Path
) -> None:
    worker = workers.start()
    hold.delay(str(tmp_path / "first"), 2.0)
    wait_for((tmp_path / "first.begun").exists, workers)

    redis_server.stop()
    wait_for((tmp_path / "first.done").exists, workers)
    wait_for(lambda: "succeeded in" in workers.log.read_text(), workers)
    redis_server.start()

    wait_for(lambda: queue_task(str(tmp_path / "second")), workers)
    wait_for((tmp_path / "second.done").exists, workers)
    assert worker.poll() is None
    log = workers.log.read_text()
    assert re.search(
        r"Connection to broker lost\. Trying to re-establish the connection\.\.\. \(\w*Error: .+\)", log
    )
    assert "Traceback" not in log
    assert "DeprecationWarning" not in log


def test_the_task_of_a_killed_worker_process_is_run_again(workers: Workers, tmp_path: Path) -> None:
    worker = workers.start()
    hold.delay(str(tmp_path / "held"), 2.0)
    wait_for((tmp_path / "held.begun").exists, workers)
    os.kill(int((tmp_path / "held.begun").read_text()), signal.SIGKILL)
    wait_for((tmp_path / "held.done").exists, workers)
    assert worker.poll() is None


def queue_task(path: str) -> bool:
    """Queue a task. Return False if the broker is not available yet."""
    try:
        hold.delay(path, 0.0)
    except OperationalError:
        return False
    return True


def wait_for(condition: Callable[[], bool], workers: Workers, *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, workers.log.read_text()[-3000:]
        time.sleep(0.1)
