"""Costs of activity store calls, by endpoint and task, summed over all processes.

Each process adds up the costs of its requests and tasks. Every few seconds it adds the sums to one hash in the state
Redis, after a response or a task, so that no caller waits. The sums are Prometheus counters: they never decrease, and
Prometheus reads a hash that Redis lost as a restart.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final, cast

from activity import keys
from activity.store.meter import count_calls
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import state_redis

FLUSH_INTERVAL_SECONDS: Final = 5.0
CALLS: Final = "calls"
READ: Final = "read"
WRITTEN: Final = "written"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Unflushed:
    """The sums of this process that Redis does not have yet, and when it last got some (monotonic seconds)."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sums: Counter[str] = field(default_factory=Counter)
    flushed_at: float = 0.0


_unflushed = _Unflushed()


@contextmanager
def metered(label: list[str]) -> Iterator[None]:
    """Add the cost of the block's store calls to the sums of `label[0]`, which the block may set."""
    with count_calls() as tally:
        yield
    if tally.calls:
        with _unflushed.lock:
            _unflushed.sums[f"{CALLS} {label[0]}"] += len(tally.calls)
            _unflushed.sums[f"{READ} {label[0]}"] += tally.documents - tally.written
            _unflushed.sums[f"{WRITTEN} {label[0]}"] += tally.written


def flush(*, at_once: bool = False) -> None:
    """Add this process's sums to those in Redis, if the interval has passed or `at_once` is set.

    Cost: 1 round trip, which no budget counts. If Redis is unavailable, this logs it and keeps the sums.
    """
    now = time.monotonic()
    with _unflushed.lock:
        is_due = at_once or now - _unflushed.flushed_at > FLUSH_INTERVAL_SECONDS
        if not _unflushed.sums or not is_due:
            return
        _unflushed.flushed_at = now
        sums = dict(_unflushed.sums)
        _unflushed.sums.clear()
    try:
        Context().run(_add, sums)  # an empty context: the round trip is not counted, and no deadline applies
    except REDIS_UNAVAILABLE:
        logger.info("state Redis unavailable: store call metrics not flushed; retry later")
        with _unflushed.lock:
            _unflushed.sums.update(sums)


def get_totals() -> dict[str, dict[str, int]]:
    """Return `{"calls"|"read"|"written": {endpoint or task: sum}}`, in calls and documents. Cost: 1 round trip."""
    flush(at_once=True)
    raw = cast("dict[bytes, bytes]", state_redis().hgetall(keys.STORE_CALLS.name()))
    found: dict[str, dict[str, int]] = {CALLS: {}, READ: {}, WRITTEN: {}}
    for name, number in sorted(raw.items()):
        kind, _, label = name.decode(errors="replace").partition(" ")
        if kind in found and number.isdigit():
            found[kind][label] = int(number)
    return found


def _add(sums: Mapping[str, int]) -> None:
    pipe = state_redis().pipeline()
    for name, number in sums.items():
        pipe.hincrby(keys.STORE_CALLS.name(), name, number)
    pipe.execute()
