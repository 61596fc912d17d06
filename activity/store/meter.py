"""Counting what store calls cost, and the circuit breaker of a store whose client has none."""

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

# Methods with these names only read. All documents that other methods touch count as written, even if some are only
# read.
_READ_PREFIXES: Final = ("get_", "count_")


@dataclass(slots=True)
class CallTally:
    """The names of the calls made, the number of documents they touched, and the number of these written."""

    calls: list[str] = field(default_factory=list)
    documents: int = 0
    written: int = 0


_tally: ContextVar[CallTally | None] = ContextVar("store_tally", default=None)


@contextmanager
def count_calls() -> Iterator[CallTally]:
    """Count this thread's store calls within the block. An outer block also counts the calls of an inner one."""
    tally, outer = CallTally(), _tally.get()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)
        if outer is not None:
            outer.calls += tally.calls
            outer.documents += tally.documents
            outer.written += tally.written


def count_documents(number: int) -> None:
    """Add to the documents that the current call touched."""
    tally = _tally.get()
    if tally is not None:
        tally.documents += number


def counted(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method so that its calls and documents are counted."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        tally = _tally.get() or CallTally()
        tally.calls.append(method.__name__)
        before = tally.documents
        try:
            return method(*args, **kwargs)
        finally:
            if not method.__name__.lstrip("_").startswith(_READ_PREFIXES):
                tally.written += tally.documents - before

    return wrapped


def protected(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method to raise StoreUnavailable at once if the circuit breaker is open or time is up."""

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if deadlines.remaining_optional() <= 0:
            raise StoreUnavailable("deadline exceeded")
        try:
            with breaker.protect():
                return method(*args, **kwargs)
        except CircuitOpen as reason:
            raise StoreUnavailable(str(reason)) from reason

    return wrapped
