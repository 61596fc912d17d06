"""SQL must commit a write. finishd/tests/test_read_only_database.py has the test of a read-only database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import connection

from finishd.health.models import Probe
from finishd.health.tests.conftest import GetPart

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lock that the check's write needs, in another connection."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    keys = ("host", "port", "user", "password", "dbname")
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in keys}
    with psycopg.connect(**parameters) as other_server:
        other_server.execute("LOCK TABLE health_probe IN EXCLUSIVE MODE")
        yield
        other_server.rollback()


def test_the_check_leaves_no_row(get_part: GetPart) -> None:
    assert [get_part("sql")["status"] for _ in range(3)] == ["ok"] * 3
    assert Probe.objects.count() == 0


def test_a_write_that_waits_for_a_lock_is_reported(get_part: GetPart) -> None:
    with locked():
        part = get_part("sql")
    assert part["status"] == "locked", part
    assert part["reason"].startswith("SQL is busy, and a write did not start: ")
    assert get_part("sql")["status"] == "ok"


def test_before_the_migrations_ran_a_process_is_not_ready(get_part: GetPart) -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(Probe)
    try:
        part = get_part("sql")
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Probe)
    name = "SQLITE_ERROR" if connection.vendor == "sqlite" else "UndefinedTable"
    assert part == {"status": "rejects_writes", "reason": f"SQL rejects writes: {name}."}
    assert get_part("sql")["status"] == "ok"
