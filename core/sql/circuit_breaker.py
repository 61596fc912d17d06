"""The one way to SQL: Django's own backends behind a breaker, within the request's deadline.

What counts as a failure is that no answer came: no connection, one that broke, silence until the deadline. A lock
that was not had in time, a statement that the server cut, a duplicate: these are answers, and other tables go on.
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

# Of PostgreSQL's SQLSTATEs, those that say that the server is not there: no connection, too many of them, shutting
# down or starting, its disk.
_AWAY_STATES: Final = ("08", "53300", "57P", "58")
# Of SQLite's codes likewise: it cannot open, read or write the file.
_AWAY_CODES: Final = frozenset({10, 13, 14, 26})


class SqlUnavailable(OperationalError):
    """No statement is sent: the database failed lately, or the request is late. Again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CircuitBreakerMixin(BaseDatabaseWrapper):
    """What a backend of ours adds to Django's, whose class stands behind it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_guarded)

    def ensure_connection(self) -> None:
        if self.connection is None:
            with _guard():
                super().ensure_connection()


def is_outage(reason: BaseException) -> bool:
    """Whether a database error means that there was no answer."""
    cause = reason.__cause__ or reason
    if state := getattr(cause, "sqlstate", None):
        return str(state).startswith(_AWAY_STATES)
    code = getattr(cause, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _AWAY_CODES


_breaker = register_circuit_breaker(
    CircuitBreaker("sql", failure_types=(OperationalError, InterfaceError), is_failure=is_outage)
)


@contextmanager
def _guard() -> Iterator[None]:
    if deadlines.remaining_optional() <= 0:
        raise SqlUnavailable("it is too late for another statement", deadlines.RETRY_AFTER_SECONDS)
    try:
        with _breaker.protect():
            yield
    except CircuitOpen as reason:
        raise SqlUnavailable(str(reason), reason.retry_after) from reason


def _guarded(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    with _guard():
        return execute(sql, params, many, context)
