"""How long what is under way may still take: a request as a whole, and within it what an answer can do without.

The clients of outside parts ask here before they begin and while they wait, so that no call site must. Where
nobody set a deadline (workers, commands, threads of their own) there is none.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

RETRY_AFTER_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 0.05  # seconds beyond the deadline that an answer which is just coming may take

_ends: ContextVar[float] = ContextVar("request_ends", default=math.inf)
_part_ends: ContextVar[float] = ContextVar("part_ends", default=math.inf)


class DeadlinePassed(Exception):
    """It is too late to begin another stage of this request: 503, to be tried again after `retry_after` seconds."""

    retry_after = RETRY_AFTER_SECONDS

    def __init__(self) -> None:
        super().__init__("the request's time is over")


@contextmanager
def request_deadline(seconds: float) -> Iterator[None]:
    """The block is a request, or the rest of one: over in so many seconds, sooner if it had less."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


@contextmanager
def optional_until(ends: float) -> Iterator[None]:
    """The block can be done without: store and SQL give it up at `ends` (seconds of time.monotonic())."""
    token = _part_ends.set(min(_part_ends.get(), ends))
    try:
        yield
    finally:
        _part_ends.reset(token)


def remaining() -> float:
    """Seconds that the request has left: below 0 when it is late, infinite where there is no deadline."""
    return _ends.get() - time.monotonic()


def remaining_optional() -> float:
    """The same of the part of the request that is under way."""
    return min(_ends.get(), _part_ends.get()) - time.monotonic()


def check() -> None:
    """Raises DeadlinePassed when the request is late. Call it between stages."""
    if _ends.get() < time.monotonic():
        raise DeadlinePassed
