"""Deadlines and circuit breakers of the SQL connections."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from psycopg import errors as pg

from activity.models import Person
from core import circuit as breakers
from core import deadlines
from core.circuit import CircuitBreaker
from core.outages import SqlUnavailable
from core.sql import circuit_breaker
from core.sql.circuit_breaker import is_failure


@pytest.fixture(autouse=True)
def _separate_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the circuit breakers of these tests apart from those of other tests."""
    monkeypatch.setattr(breakers, "_registered", dict(breakers.get_circuit_breakers()))


class TestSql:
    @pytest.fixture(autouse=True)
    def _separate_breaker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        breaker = CircuitBreaker(
            "sql", failure_types=(OperationalError,), is_failure=is_failure, open_seconds=0.2
        )
        monkeypatch.setattr(circuit_breaker, "_breaker", breaker)

    def measure_failure(self, limit: float) -> float:
        """Run a query in a request. Return the seconds until it failed."""
        started_at = time.monotonic()
        try:
            with deadlines.request_deadline(limit), pytest.raises(OperationalError):
                Person.objects.create(uid="ama")
        finally:
            connection.close()
        return time.monotonic() - started_at

    @pytest.mark.django_db(transaction=True)
    def test_waiting_for_a_lock_is_short_and_does_not_count_as_an_outage(self) -> None:
        with transaction.atomic(), ThreadPoolExecutor(1) as pool:
            Person.objects.create(uid="kofi")  # SQLite has one writer at a time
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("LOCK TABLE activity_person IN ACCESS EXCLUSIVE MODE")
            seconds = [pool.submit(self.measure_failure, 0.4).result() for _ in range(6)]
        assert max(seconds) < 1
        assert circuit_breaker._breaker.state == "closed"
        Person.objects.create(uid="mei")  # without a deadline there is no limit

    @pytest.mark.django_db(transaction=True)
    def test_a_statement_of_a_request_waits_250_ms_for_a_lock(self) -> None:
        connection.close()  # SQLite is told when it connects
        name = "SHOW lock_timeout" if connection.vendor == "postgresql" else "PRAGMA busy_timeout"
        with deadlines.request_deadline(1.5), connection.cursor() as cursor:
            cursor.execute(name)
            (timeout,) = cursor.fetchone()  # 249 or 249ms
        connection.close()
        assert 0 < int(str(timeout).removesuffix("ms")) <= 250

    @pytest.mark.django_db
    def test_no_statement_is_sent_after_the_deadline(self) -> None:
        with deadlines.request_deadline(-1), pytest.raises(SqlUnavailable) as error:
            Person.objects.count()
        assert error.value.retry_after == 1

    @pytest.mark.django_db
    def test_five_failures_open_the_circuit_breaker_and_a_probe_closes_it(self) -> None:
        def raise_unavailable(*_: Any) -> None:
            raise OperationalError("connection lost")

        with connection.execute_wrapper(raise_unavailable):
            for _ in range(5):
                with pytest.raises(OperationalError, match="connection lost"):
                    Person.objects.count()
            with pytest.raises(SqlUnavailable) as error:
                Person.objects.count()
        assert 0 < error.value.retry_after <= 0.2
        deadline = time.monotonic() + 5
        while circuit_breaker._breaker.state != "half-open":
            assert time.monotonic() < deadline
        assert Person.objects.count() == 0
        assert circuit_breaker._breaker.retry_after == 0

    @pytest.mark.django_db(transaction=True)
    def test_waiting_for_an_exhausted_pool_is_short(self) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no pool")
        pool: Any = connection.pool  # type: ignore[attr-defined]
        connection.close()
        connections = [pool.getconn() for _ in range(pool.max_size)]
        try:
            assert self.measure_failure(3) < 1.5
        finally:
            for pooled in connections:
                pool.putconn(pooled)
        assert Person.objects.count() == 0

    @pytest.mark.parametrize(
        ("cause", "is_unavailable"),
        [
            (psycopg.OperationalError("the connection is lost"), True),
            (pg.ConnectionFailure(), True),
            (pg.TooManyConnections(), True),
            (pg.AdminShutdown(), True),
            (pg.CannotConnectNow(), True),
            (pg.LockNotAvailable(), False),
            (pg.QueryCanceled(), False),
            (pg.DeadlockDetected(), False),
            (pg.SerializationFailure(), False),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_outages_count_as_failures_and_rejections_do_not(
        self, cause: Exception, is_unavailable: bool
    ) -> None:
        error = OperationalError()
        error.__cause__ = cause
        assert is_failure(error) is is_unavailable

    @pytest.mark.parametrize(
        ("name", "statement", "is_unavailable"),
        [("/nowhere/db", "SELECT 1", True), (":memory:", "SELECT 1 FROM missing", False)],
    )
    def test_outages_of_sqlite_count_as_failures(
        self, name: str, statement: str, is_unavailable: bool
    ) -> None:
        with pytest.raises(sqlite3.OperationalError) as raised:
            _run(name, statement)
        assert is_failure(raised.value) is is_unavailable


def _run(name: str, statement: str) -> None:
    database = sqlite3.connect(name)
    try:
        database.execute(statement)
    finally:
        database.close()
