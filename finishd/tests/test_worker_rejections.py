"""A worker whose broker rejects commands, by each error reply that a real Redis server can be made to send."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest
from redis import Redis

from core.tests.probe_tasks import hold
from core.tests.redis_faults import REDIS_FAULTS, connect
from finishd.run.embedded_redis import RedisServer
from finishd.testing.processes import Processes, processes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

Fault = Callable[[Redis], AbstractContextManager[None]]
# How often the log says that a command was rejected: for an acknowledgement, and for a connection that was used again.
REJECTED: Final = "broker: "


@contextmanager
def without_writes(server: Redis) -> Iterator[None]:
    """Let the user of the worker take messages, and write nothing."""
    server.acl_setuser("default", enabled=True, commands=["-@write", "+brpop", "+lpush", "+acl"])
    try:
        yield
    finally:
        server.acl_setuser("default", enabled=True, commands=["+@all"])


FAULTS: Final[Mapping[str, Fault]] = {**REDIS_FAULTS, "NOPERM": without_writes}
# The worker uses its open connections, which a new password does not close.
SILENT: Final = {"NOAUTH"}


def test_a_worker_survives_every_error_reply_and_runs_all_messages(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    server = connect(redis_server.url)
    with processes(tmp_path) as started:
        worker = started.start(
            *("-m", "celery", "-A", "finishd", "worker", "--include", "core.tests.probe_tasks"),
            *("--concurrency", "1", "--loglevel", "info"),
        )
        for name, fault in FAULTS.items():
            paths = [tmp_path / f"{name}-{number}" for number in range(3)]
            hold.delay(str(paths[0]), 0.5)
            started.wait_for(Path(f"{paths[0]}.begun").exists)
            for path in paths[1:]:
                hold.delay(str(path), 0.0)
            with fault(server):
                finish_first(started, name, paths[0])
                assert worker.poll() is None, name
            for path in paths:
                started.wait_for(Path(f"{path}.done").exists)
        assert worker.poll() is None
    server.close()


def test_a_worker_starts_while_redis_rejects_writes(redis_server: RedisServer, tmp_path: Path) -> None:
    server = connect(redis_server.url)
    hold.delay(str(tmp_path / "task"), 0.0)
    with processes(tmp_path) as started:
        with REDIS_FAULTS["NOREPLICAS"](server):
            worker = started.start(
                *("-m", "celery", "-A", "finishd", "worker", "--include", "core.tests.probe_tasks"),
                *("--concurrency", "1", "--loglevel", "info"),
            )
            started.wait_for(lambda: started.output.count(REJECTED) >= 2)
            assert worker.poll() is None
        started.wait_for((tmp_path / "task.done").exists)
        assert worker.poll() is None
    server.close()


def finish_first(started: Processes, name: str, path: Path) -> None:
    """Wait until the first task is done, and until Redis has rejected a command of the worker because of it."""
    rejections = started.output.count(REJECTED)
    started.wait_for(Path(f"{path}.done").exists)
    if name not in SILENT:
        started.wait_for(lambda: started.output.count(REJECTED) > rejections)
