"""Writes that a request can do without, while Redis answers reads and rejects writes.

A request that only reads also writes a little: its count for the limits, TTLs, copies in the cache. Its response is
the same without these writes, so they are skipped, counted in a metric, and logged. A request whose purpose is a
write lets the error pass, and is a 503.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from core.outages import WRITE_REJECTIONS
from core.telemetry import WRITES_SKIPPED, labelled

# The label of the metric: counts for limits, marks of served items, TTLs of plans, TTLs of presence, cached copies.
Skippable = Literal["limits", "served", "plan_ttl", "presence", "cache"]

logger = logging.getLogger(__name__)
_last_rejection: ContextVar[Exception | None] = ContextVar("last_rejection", default=None)


def skip(what: Skippable, rejection: Exception) -> None:
    """Count and log a write that Redis rejected. Remember that of the state Redis for this request."""
    if what != "cache":  # the cache may be another server
        _last_rejection.set(rejection)
    labelled(WRITES_SKIPPED, what).inc()
    reason = str(rejection).partition(". ")[0].partition(" script:")[0]
    logger.warning(
        "Redis rejects writes, requests that only read skip theirs: %s: %s", type(rejection).__name__, reason
    )


@contextmanager
def skipping(what: Skippable) -> Iterator[None]:
    """Skip the writes of this block that Redis rejects. Other errors pass."""
    try:
        yield
    except WRITE_REJECTIONS as rejection:
        skip(what, rejection)


def check() -> None:
    """Raise the rejection that this request got from the state Redis, if any, before work that ends in a write."""
    if (rejection := _last_rejection.get()) is not None:
        raise rejection


def forget() -> None:
    """Forget the rejections of the request that this thread served before."""
    _last_rejection.set(None)
