"""Deadlines of requests, and the budget of their optional parts.

The clients of Redis, SQL and the other dependencies check the deadline before a call and while they wait, so call
sites need not. Without a deadline (workers, commands, threads) calls take as long as their own timeouts allow.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

RETRY_AFTER_SECONDS: Final = 1.0
ENVIRON_KEY: Final = "core.deadline"  # in a request's WSGI environment: its deadline, by time.monotonic()
GRACE_SECONDS: Final = 0.05  # a response that is already arriving may exceed the deadline by this much

_request_ends: ContextVar[float] = ContextVar("request_ends", default=math.inf)
_budget_ends: ContextVar[float] = ContextVar("budget_ends", default=math.inf)
_optional_ends: ContextVar[float] = ContextVar("optional_ends", default=math.inf)


class DeadlinePassed(Exception):
    """The request's deadline has passed: 503. Clients may retry after `retry_after` seconds."""

    retry_after = RETRY_AFTER_SECONDS

    def __init__(self) -> None:
        super().__init__("request deadline exceeded")


@contextmanager
def request_deadline(seconds: float) -> Iterator[None]:
    """Set the deadline of the request for this block. It never extends a deadline that is already set."""
    with request_deadline_at(time.monotonic() + seconds):
        yield


@contextmanager
def request_deadline_at(ends: float) -> Iterator[None]:
    """Set the deadline of the request for this block, by time.monotonic(). It never extends one that is set."""
    token = _request_ends.set(min(_request_ends.get(), ends))
    try:
        yield
    finally:
        _request_ends.reset(token)


@contextmanager
def optional_budget(seconds: float) -> Iterator[None]:
    """Give the optional parts of this block `seconds` in total. It never extends a budget that is already set."""
    token = _budget_ends.set(min(_budget_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _budget_ends.reset(token)


@contextmanager
def optional_part() -> Iterator[None]:
    """Mark the block as optional: SQL and other stores give up when the optional budget is spent."""
    token = _optional_ends.set(_budget_ends.get())
    try:
        yield
    finally:
        _optional_ends.reset(token)


def remaining() -> float:
    """Return the seconds until the request's deadline: negative after it, infinite without one."""
    return _request_ends.get() - time.monotonic()


def remaining_optional() -> float:
    """Return the seconds that this block has left: in an optional part, at most those of the optional budget."""
    return min(_request_ends.get(), _optional_ends.get()) - time.monotonic()


def check() -> None:
    """Raise DeadlinePassed if the request's deadline has passed."""
    if _request_ends.get() < time.monotonic():
        raise DeadlinePassed
