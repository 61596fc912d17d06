"""Faults that make a real Redis server reject commands. Each lasts for its block and is undone afterwards."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from redis import Redis
from redis.exceptions import ResponseError

from core.redis.client import state_redis

ENDLESS_SCRIPT: Final = "while true do end"
DEADLINE_SECONDS: Final = 10.0


@contextmanager
def configured(server: Redis, **values: Any) -> Iterator[None]:
    """Change settings of the server; the underscores of their names are dashes."""
    names = {name: name.replace("_", "-") for name in values}
    before = {dashed: str(server.config_get(dashed)[dashed]) for dashed in names.values()}
    for name, value in values.items():
        server.config_set(names[name], value)
    try:
        yield
    finally:
        for dashed, value in before.items():
            server.config_set(dashed, value)


@contextmanager
def replica_of_nobody(server: Redis) -> Iterator[None]:
    """Make the server a replica whose primary does not exist."""
    server.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        server.replicaof("NO", "ONE")


@contextmanager
def replica_without_data(server: Redis) -> Iterator[None]:
    with configured(server, replica_serve_stale_data="no"), replica_of_nobody(server):
        yield


@contextmanager
def failing_snapshot(server: Redis) -> Iterator[None]:
    """Let the server's snapshots fail: a directory has the name of their file."""
    obstacle = Path(str(server.config_get("dir")["dir"])) / "dump.rdb"
    obstacle.unlink(missing_ok=True)
    (obstacle / "not empty").mkdir(parents=True)
    with configured(server, save="3600 1000000"):
        _take_snapshot(server, "err")
        try:
            yield
        finally:
            shutil.rmtree(obstacle)
            _take_snapshot(server, "ok")
            obstacle.unlink(missing_ok=True)


def _take_snapshot(server: Redis, result: str) -> None:
    server.bgsave()
    _wait_for(lambda: server.info("persistence")["rdb_last_bgsave_status"] == result)


@contextmanager
def busy(server: Redis) -> Iterator[None]:
    """Run a script that does not end."""
    with configured(server, **{"lua-time-limit": 1}):
        script = threading.Thread(target=_run_endless_script, args=[server])
        script.start()
        try:
            _wait_for(lambda: _is_busy(server))
            yield
        finally:
            server.script_kill()
            script.join()


def _run_endless_script(server: Redis) -> None:
    try:
        server.eval(ENDLESS_SCRIPT, 0)
    except ResponseError:
        return  # the script was killed


def _is_busy(server: Redis) -> bool:
    try:
        server.ping()
    except ResponseError as error:
        return str(error).startswith("BUSY")
    return False


@contextmanager
def with_password(server: Redis) -> Iterator[None]:
    """Require a password of new connections."""
    with configured(server, requirepass="hunter2"):
        state_redis().connection_pool.disconnect()
        yield


@contextmanager
def without_rights(server: Redis) -> Iterator[None]:
    server.acl_setuser("default", enabled=True, commands=["-set"])
    try:
        yield
    finally:
        server.acl_setuser("default", enabled=True, commands=["+@all"])


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


Fault = Callable[[Redis], AbstractContextManager[None]]

# By the first word of the reply to SET (or to any command).
REDIS_FAULTS: Final[Mapping[str, Fault]] = {
    "OOM": lambda server: configured(server, maxmemory=1),
    "NOREPLICAS": lambda server: configured(server, min_replicas_to_write=1),
    "READONLY": replica_of_nobody,
    "MASTERDOWN": replica_without_data,
    "MISCONF": failing_snapshot,
    "BUSY": busy,
    "NOAUTH": with_password,
    "NOPERM": without_rights,
}


def connect(url: str) -> Redis:
    """Return a client for the faults. Its connections are open before the server rejects new ones."""
    client = Redis.from_url(url, decode_responses=True, socket_timeout=DEADLINE_SECONDS)
    client.ping()
    return client
