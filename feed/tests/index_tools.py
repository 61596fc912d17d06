"""Index builds in tests: what is in Redis, the command, and failures at a chosen statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import OperationalError, connection

from core.redis.client import state_redis
from feed import indexes


def get_generations() -> set[int]:
    """Return the generations that have a key in Redis."""
    return {int(name.split(b":")[1]) for name in state_redis().scan_iter(match="index:*:*")}


def get_ttls(generation: int) -> set[int]:
    """Return the TTLs of a generation's keys; -1 means none."""
    return {int(state_redis().ttl(name)) for name in state_redis().scan_iter(match=f"index:{generation}:*")}


def run_rebuild_command(**options: Any) -> str:
    """Run the command and return its output."""
    out = StringIO()
    call_command("rebuild_indexes", stdout=out, **options)
    return out.getvalue().strip()


def get_current_generation() -> int:
    pointer = indexes.get_pointer()
    assert pointer is not None
    return pointer.generation


@contextmanager
def before_sql(marker: str, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` just before the next SQL statement that contains `marker`."""
    due = True

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal due
        if due and marker in sql:
            due = False
            act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield


def fail() -> None:
    raise OperationalError("the database went away")
