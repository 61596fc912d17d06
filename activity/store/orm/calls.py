"""The decorator of all calls of this store: it counts them and translates database errors."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError

from activity.store.meter import counted
from activity.types import StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")


def store_call(method: Callable[P, R]) -> Callable[P, R]:
    """Decorate a store method: count it, and raise StoreUnavailable for the database's connection errors.

    The SQL back ends already have deadlines and a circuit breaker.
    """

    @wraps(method)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (OperationalError, InterfaceError) as reason:
            raise StoreUnavailable(str(reason)) from reason

    return counted(wrapped)
