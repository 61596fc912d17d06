"""SQL must answer, and commit a write."""

from typing import Final

from django.db import Error as SqlError
from django.db import connection, transaction

from core import deadlines
from core.outages import MOMENT, get_sql_outage
from finishd.health.check import TIMEOUT_SECONDS, Details, NotReady
from finishd.health.models import Probe

_WAIT_SECONDS: Final = 0.8 * TIMEOUT_SECONDS  # so that the report says what it waited for
_ATTEMPTS: Final = 4  # each waits for a lock for a sixth of that; together longer than a request would


def check_sql() -> Details:
    """Insert and delete a row in one transaction. Cost: 2 SQL and a commit, up to four times if there is a lock.

    Checks of other processes write other rows, so none waits for the lock of another, and nothing remains.
    """
    try:
        with deadlines.request_deadline(_WAIT_SECONDS):
            connection.ensure_connection()
            _write()
    finally:
        connection.close()
    return {}


def _write() -> None:
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            with transaction.atomic():
                Probe.objects.create().delete()
            return
        except SqlError as error:
            outage = get_sql_outage(error.__cause__ or error)
            if outage is None or outage.is_failure:
                raise
            name = _get_name(error.__cause__)
            if outage is not MOMENT:
                raise NotReady("rejects_writes", f"SQL rejects writes: {name}.") from error
            if not attempts_left:
                raise NotReady("locked", f"SQL is busy, and a write did not start: {name}.") from error


def _get_name(cause: BaseException | None) -> str:
    """Return the driver's name of an error: `ReadOnlySqlTransaction`, `SQLITE_FULL`."""
    return str(getattr(cause, "sqlite_errorname", type(cause).__name__))
