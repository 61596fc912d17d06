"""What store calls cost, counted where they are made; and the breaker of a store that has no other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Final, ParamSpec, TypeVar

from activity.types import StoreUnavailable
from core import deadlines
from core.circuit import CircuitBreaker, CircuitOpen, register_circuit_breaker

P = ParamSpec("P")
R = TypeVar("R")

breaker = register_circuit_breaker(CircuitBreaker("store", failure_types=(StoreUnavailable,)))

# Calls that only read; what the others touch they write, also where they look first.
_READERS: Final = frozenset(
    (
        "profile",
        "profiles",
        "seen",
        "activity",
        "activities",
        "followers",
        "follower_edges",
        "following_edges",
        "follower_count",
        "following_count",
        "edges",
        "timeline",
        "rows_from",
        "jobs_due",
        "jobs_waiting",
        "job",
        "traces",
        "_page",
        "_own",
    )
)


@dataclass(slots=True)
class Tally:
    """The names of the calls made, how many documents they touched, and how many of these they wrote."""

    calls: list[str] = field(default_factory=list)
    documents: int = 0
    written: int = 0


_tally: ContextVar[Tally | None] = ContextVar("store_tally", default=None)


@contextmanager
def count_calls() -> Iterator[Tally]:
    """Count this thread's store calls within the block. What an inner block counts, an outer one does, too."""
    tally, outer = Tally(), _tally.get()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)
        if outer is not None:
            outer.calls += tally.calls
            outer.documents += tally.documents
            outer.written += tally.written


def note_documents(number: int) -> None:
    """Say from within a call how many documents it touched."""
    tally = _tally.get()
    if tally is not None:
        tally.documents += number


def metered(call: Callable[P, R]) -> Callable[P, R]:
    """Count the call."""

    @wraps(call)
    def counted(*args: P.args, **kwargs: P.kwargs) -> R:
        tally = _tally.get() or Tally()
        tally.calls.append(call.__name__)
        before = tally.documents
        try:
            return call(*args, **kwargs)
        finally:
            if call.__name__ not in _READERS:
                tally.written += tally.documents - before

    return counted


def guarded(call: Callable[P, R]) -> Callable[P, R]:
    """Raise `StoreUnavailable` at once while the breaker is open or the request is late."""

    @wraps(call)
    def within(*args: P.args, **kwargs: P.kwargs) -> R:
        if deadlines.remaining_optional() <= 0:
            raise StoreUnavailable("it is too late for another call")
        try:
            with breaker.protect():
                return call(*args, **kwargs)
        except CircuitOpen as reason:
            raise StoreUnavailable(str(reason)) from reason

    return within
