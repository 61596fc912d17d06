"""A mixin for Django's database backends: outages as SqlUnavailable, a circuit breaker, and the request's deadline.

`core/outages.py` says which errors are outages, and which of them count for the circuit breaker.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import Error as SqlError
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property

from core import deadlines
from core.circuit import CircuitBreaker, CircuitOpen, register_circuit_breaker
from core.outages import SqlUnavailable, get_sql_outage

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
else:
    BaseDatabaseWrapper = object


class OutageTranslator(DatabaseErrorWrapper):
    """Django's translation of driver errors, which also raises outages as SqlUnavailable.

    Django uses it for all that may fail: connecting, statements, fetching rows, commits and rollbacks.
    """

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        except SqlError as error:
            _raise_outage(error)
            raise


class CircuitBreakerMixin(BaseDatabaseWrapper):
    """Put it before a backend's DatabaseWrapper."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_execute_guarded)

    @cached_property
    def wrap_database_errors(self) -> OutageTranslator:
        return OutageTranslator(self)

    def ensure_connection(self) -> None:
        if self.connection is None:
            with _guard():
                super().ensure_connection()


def is_failure(error: BaseException) -> bool:
    """Return whether a database error counts for the circuit breaker."""
    outage = get_sql_outage(error)
    return outage is not None and outage.is_failure


_breaker = register_circuit_breaker(CircuitBreaker("sql", failure_types=(SqlError,), is_failure=is_failure))


def _raise_outage(error: SqlError) -> None:
    """Raise SqlUnavailable if a database error is an outage."""
    if not isinstance(error, SqlUnavailable) and (outage := get_sql_outage(error)):
        raise SqlUnavailable(str(error), outage.retry_after) from error.__cause__ or error


@contextmanager
def _guard() -> Iterator[None]:
    if deadlines.remaining_optional() <= 0:
        raise SqlUnavailable("request deadline exceeded", deadlines.RETRY_AFTER_SECONDS)
    try:
        with _breaker.protect():
            yield
    except CircuitOpen as reason:
        raise SqlUnavailable(str(reason), reason.retry_after) from reason
    except SqlError as error:
        _raise_outage(error)
        raise


def _execute_guarded(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    with _guard():
        return execute(sql, params, many, context)
