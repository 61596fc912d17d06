"""The table's SQLSTATEs and result codes, raised by a real database where it can be made to."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from psycopg import errors as pg

from core import circuit as breakers
from core import outages
from core.circuit import CircuitBreaker
from core.outages import SQLITE_CODES, SQLSTATES, SqlUnavailable
from core.sql import circuit_breaker
from core.sql.circuit_breaker import OutageTranslator
from core.tests import sqlite_faults
from core.tests.outage_checks import Action, check_bug, check_outage, raising
from core.tests.sqlite_faults import SQLITE_FAULTS

pytestmark = pytest.mark.urls("core.tests.outage_checks")

# Codes that are mistakes of ours.
SQLSTATE_BUGS: Final = ("0A000", "22001", "23505", "25P02", "26000", "42601", "42883", "54001", "P0001")
SQLITE_BUGS: Final = (1, 18, 19, 20, 25)
# A table whose rows fail in the commit.
FAILING_COMMIT: Final = """
CREATE TEMPORARY TABLE thing (value int);
CREATE FUNCTION pg_temp.reject() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$;
CREATE CONSTRAINT TRIGGER reject AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pg_temp.reject();
"""
# A whole SQLSTATE for each prefix in the table.
SQLSTATE_EXAMPLES: Final = {
    "08": "08006", "28": "28P01", "40": "40001", "53": "53100", "57": "57014", "57P": "57P01", "58": "58030",
    "72": "72000", "F0": "F0000", "XX": "XX001",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_sql_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the failures of these tests apart from those of other tests."""
    monkeypatch.setattr(breakers, "_registered", dict(breakers.get_circuit_breakers()))
    breaker = CircuitBreaker("sql", failure_types=(Exception,), is_failure=circuit_breaker.is_failure)
    monkeypatch.setattr(circuit_breaker, "_breaker", breaker)


def _translate(error: Exception, driver: Any) -> Action:
    """Return an action in which the driver raises this error, below our back ends."""
    translator = OutageTranslator(SimpleNamespace(Database=driver, errors_occurred=False))
    return translator(raising(error))


def _raise_on_server(sqlstate: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{sqlstate}'; END $$")


def _get_postgres_error(sqlstate: str) -> Action:
    """Return an action that raises the error: on the server if it is PostgreSQL, otherwise in its driver."""
    if connection.vendor == "postgresql":
        return lambda: _raise_on_server(sqlstate)
    return _translate(pg.lookup(sqlstate)("secret"), psycopg)


@pytest.mark.django_db
class TestPostgres:
    @pytest.mark.parametrize("prefix", SQLSTATES)
    def test_an_sqlstate_of_the_table_is_a_503(self, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
        action = _get_postgres_error(SQLSTATE_EXAMPLES.get(prefix, prefix))
        check_outage(action, SQLSTATES[prefix], caplog)

    @pytest.mark.parametrize("sqlstate", SQLSTATE_BUGS)
    def test_another_sqlstate_is_a_500(self, sqlstate: str, caplog: pytest.LogCaptureFixture) -> None:
        check_bug(_get_postgres_error(sqlstate), caplog)

    @pytest.mark.parametrize("prefix", SQLSTATES)
    def test_an_sqlstate_counts_for_the_circuit_breaker_as_the_table_says(self, prefix: str) -> None:
        error = OperationalError()
        error.__cause__ = pg.lookup(SQLSTATE_EXAMPLES.get(prefix, prefix))()
        assert circuit_breaker.is_failure(error) is SQLSTATES[prefix].is_failure

    @pytest.mark.parametrize("error", [OperationalError("reset"), InterfaceError("closed")], ids=repr)
    def test_an_error_without_a_code_is_a_missing_reply(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        check_outage(raising(error), outages.SQL_GONE, caplog)

    def test_an_outage_keeps_the_drivers_error(self) -> None:
        with pytest.raises(SqlUnavailable, match="secret") as raised:
            _get_postgres_error("25006")()
        assert isinstance(raised.value.__cause__, pg.ReadOnlySqlTransaction)


@pytest.mark.django_db(transaction=True)
def test_a_failed_commit_is_an_outage() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no deferred trigger that could fail in a commit")
    with connection.cursor() as cursor:
        cursor.execute(FAILING_COMMIT)
    with pytest.raises(SqlUnavailable, match="no space left") as raised, transaction.atomic():
        _insert_thing()
    assert raised.value.retry_after == SQLSTATES["53"].retry_after


def _insert_thing() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO thing VALUES (1)")


@pytest.mark.django_db
class TestSqlite:
    @pytest.mark.parametrize("code", SQLITE_CODES)
    def test_a_result_code_of_the_table_is_a_503(
        self, code: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fault = SQLITE_FAULTS.get(code)
        action = _get_sqlite_error(code) if fault is None else lambda: fault(tmp_path / "db")
        check_outage(action, SQLITE_CODES[code], caplog)

    @pytest.mark.parametrize("code", SQLITE_BUGS)
    def test_another_result_code_is_a_500(self, code: int, caplog: pytest.LogCaptureFixture) -> None:
        check_bug(_get_sqlite_error(code), caplog)

    def test_a_mistake_in_a_statement_is_a_500(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        check_bug(lambda: sqlite_faults.execute(tmp_path / "db", "SELECT FROM"), caplog)

    @pytest.mark.parametrize(
        "statement",
        ["SELECT 1 FROM missing", "SELECT missing FROM thing", "INSERT INTO thing (missing) VALUES (1)"],
    )
    def test_a_missing_table_or_column_is_a_503(
        self, statement: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = sqlite_faults.make_database(tmp_path / "db")
        check_outage(lambda: sqlite_faults.execute(path, statement), outages.REJECTED, caplog)

    @pytest.mark.parametrize("code", SQLITE_CODES)
    def test_a_result_code_counts_for_the_circuit_breaker_as_the_table_says(self, code: int) -> None:
        with pytest.raises(SqlUnavailable) as raised:
            _get_sqlite_error(code)()
        assert circuit_breaker.is_failure(raised.value) is SQLITE_CODES[code].is_failure


def _get_sqlite_error(code: int) -> Action:
    """Return an action in which the driver raises the error of an extended code with this primary one."""
    error = sqlite3.DatabaseError("secret")
    error.sqlite_errorcode = code | 0x100
    return _translate(error, sqlite3)
