"""The decorator of all calls of this store: it counts them and translates database errors."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from activity.store.meter import counted
from activity.types import StoreUnavailable
from core.outages import SqlUnavailable

P = ParamSpec("P")
R = TypeVar("R")


def store_call(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method: count it, and raise StoreUnavailable for outages of the database.

    The SQL back ends already have deadlines and a circuit breaker.
    """

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except SqlUnavailable as reason:
            raise StoreUnavailable(str(reason), retry_after=reason.retry_after) from reason

    return counted(wrapped)
