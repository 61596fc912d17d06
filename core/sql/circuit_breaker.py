"""A mixin for Django's database backends: a circuit breaker, and the request's deadline.

A failure is a missing answer: no connection, a broken one, or no reply until the deadline. A lock timeout, a cancelled
statement or a duplicate key are replies, and do not count.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.db import InterfaceError, OperationalError

from core import deadlines
from core.circuit import CircuitBreaker, CircuitOpen, register_circuit_breaker

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
else:
    BaseDatabaseWrapper = object

# SQLSTATEs of a server that is unavailable: no connection, too many, shutting down or starting, disk errors.
_OUTAGE_SQLSTATES: Final = ("08", "53300", "57P", "58")
# SQLite: it cannot open, read or write the file.
_OUTAGE_SQLITE_CODES: Final = frozenset({10, 13, 14, 26})


class SqlUnavailable(OperationalError):
    """The statement was not sent: the circuit breaker is open, or the deadline has passed.

    Clients may retry after `retry_after` seconds.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitBreakerMixin(BaseDatabaseWrapper):
    """Put it before a backend's DatabaseWrapper."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_execute_guarded)

    def ensure_connection(self) -> None:
        if self.connection is None:
            with _guard():
                super().ensure_connection()


def is_outage(reason: BaseException) -> bool:
    """Return whether a database error means that the database did not answer."""
    cause = reason.__cause__ or reason
    if state := getattr(cause, "sqlstate", None):
        return str(state).startswith(_OUTAGE_SQLSTATES)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _OUTAGE_SQLITE_CODES


_breaker = register_circuit_breaker(
    CircuitBreaker("sql", failure_types=(OperationalError, InterfaceError), is_failure=is_outage)
)


@contextmanager
def _guard() -> Iterator[None]:
    if deadlines.remaining_optional() <= 0:
        raise SqlUnavailable("request deadline exceeded", deadlines.RETRY_AFTER_SECONDS)
    try:
        with _breaker.protect():
            yield
    except CircuitOpen as reason:
        raise SqlUnavailable(str(reason), reason.retry_after) from reason


def _execute_guarded(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    with _guard():
        return execute(sql, params, many, context)
