"""What calls of the activity store cost, by endpoint and task, over all processes.

Each process adds up what its requests and tasks spent and brings it to one hash in Redis every few seconds, after
an answer or a task, so that nobody waits for it. Sums that never fall, as Prometheus wants its counters; a Redis
that lost them starts at nothing, which Prometheus takes for a restart.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import Context
from typing import Final, cast

from activity import keys
from activity.store.meter import count_calls
from core.redis.client import REDIS_UNAVAILABLE, state_redis

FLUSH_INTERVAL_SECONDS: Final = 5.0  # seconds
CALLS: Final = "calls"
READ: Final = "read"
WRITTEN: Final = "written"

logger = logging.getLogger(__name__)
_lock = threading.Lock()
_pending: Counter[str] = Counter()
_flushed_at = 0.0


@contextmanager
def metered(label: list[str]) -> Iterator[None]:
    """Add what the block's store calls cost to the sums of `label[0]`, which may be named within the block."""
    with count_calls() as tally:
        yield
    if tally.calls:
        with _lock:
            _pending[f"{CALLS} {label[0]}"] += len(tally.calls)
            _pending[f"{READ} {label[0]}"] += tally.documents - tally.written
            _pending[f"{WRITTEN} {label[0]}"] += tally.written


def flush(*, at_once: bool = False) -> None:
    """Bring this process's sums to Redis, if it is time. Cost: 1 wait that no budget of a page counts."""
    global _flushed_at  # noqa: PLW0603  (one clock per process)
    now = time.monotonic()
    with _lock:
        if not _pending or not (at_once or now - _flushed_at > FLUSH_INTERVAL_SECONDS):
            return
        _flushed_at = now
        sums = dict(_pending)
        _pending.clear()
    try:
        Context().run(_add, sums)
    except REDIS_UNAVAILABLE:
        logger.info("no Redis: what store calls cost is brought there later")
        with _lock:
            _pending.update(sums)


def get_totals() -> dict[str, dict[str, int]]:
    """`{"calls"|"read"|"written": {endpoint or task: sum}}`, of calls and of documents. Cost: 1 wait."""
    flush(at_once=True)
    raw = cast("dict[bytes, bytes]", state_redis().hgetall(keys.STORE_CALLS.name()))
    found: dict[str, dict[str, int]] = {CALLS: {}, READ: {}, WRITTEN: {}}
    for field, number in sorted(raw.items()):
        kind, _, label = field.decode().partition(" ")
        found[kind][label] = int(number)
    return found


def _add(sums: Mapping[str, int]) -> None:
    pipe = state_redis().pipeline()
    for field, number in sums.items():
        pipe.hincrby(keys.STORE_CALLS.name(), field, number)
    pipe.execute()
