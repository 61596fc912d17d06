"""Replies of PostgreSQL that end in the middle: the statement fails, and no later one reads the rest of the reply."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from activity.models import Person
from activity.store import get_store
from core import circuit as breakers
from core import deadlines
from core.circuit import CircuitBreaker
from core.outages import SqlUnavailable
from core.sql import circuit_breaker
from finishd.testing.api import get_client
from finishd.testing.interruptions import ACTIONS, Action
from finishd.testing.people import Messages
from finishd.testing.proxy import Proxy

LIMIT = 0.5  # seconds for a request

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.skipif(
        "postgres" not in settings.DATABASES["default"]["ENGINE"], reason="SQLite has no connections"
    ),
]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy to the database that the connections of this process use."""
    monkeypatch.setattr(breakers, "_registered", dict(breakers.get_circuit_breakers()))
    breaker = CircuitBreaker(
        "sql", failure_types=(Exception,), is_failure=circuit_breaker.is_failure, failure_threshold=1_000_000
    )
    monkeypatch.setattr(circuit_breaker, "_breaker", breaker)
    address = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    proxy = Proxy("{}:{}".format(*address))
    _connect_to("127.0.0.1", proxy.port)
    yield proxy
    _connect_to(*address)
    proxy.close()


def _connect_to(host: str, port: int | str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict.update(HOST=host, PORT=str(port))


def get_rows(number: int) -> list[tuple[str]]:
    return [(f"value {number} {n}",) for n in (1, 2, 3)]


def query(number: int) -> Any:
    """Send a query as a request does, which returns its connection to the pool."""
    try:
        with deadlines.request_deadline(LIMIT), connection.cursor() as cursor:
            cursor.execute("SELECT %s || n FROM generate_series(1, 3) AS n", [f"value {number} "])
            return cursor.fetchall()
    finally:
        connection.close()


def insert(number: int) -> None:
    try:
        with deadlines.request_deadline(LIMIT), transaction.atomic():
            Person.objects.create(uid=f"person {number}")
    finally:
        connection.close()


@pytest.mark.parametrize("action", ACTIONS)
def test_after_an_interrupted_reply_no_statement_reads_its_rest(proxy: Proxy, action: Action) -> None:
    for position in range(0, 700, 31 if action == "stall" else 1):
        assert query(position) == get_rows(position)
        started_at = time.monotonic()
        with proxy.interrupt(action, position, times=1) as interruption:
            with suppress(SqlUnavailable):
                assert query(position) == get_rows(position)
            if not interruption.count:  # the replies are shorter
                break
            assert query(1_000) == get_rows(1_000)  # on another connection, from the pool
        assert time.monotonic() - started_at < LIMIT + 1
    assert position > 100


@pytest.mark.parametrize("action", ACTIONS)
def test_a_commit_without_a_reply_is_an_outage_and_has_happened_or_not(proxy: Proxy, action: Action) -> None:
    for position in range(0, 30, 9 if action == "stall" else 1):
        with proxy.interrupt(action, position, marker=b"COMMIT", times=1) as interruption:
            try:
                insert(position)
            except SqlUnavailable:
                assert interruption.count == 1
                assert (
                    Person.objects.filter(uid=f"person {position}").count() == 1
                )  # the server had received it
            connection.close()
    assert Person.objects.count() == len(range(0, 30, 9 if action == "stall" else 1))


@pytest.mark.parametrize("action", ACTIONS)
def test_a_change_whose_commit_got_no_reply_is_a_503_and_can_be_repeated(
    proxy: Proxy, action: Action, messages: Messages, settings: Any
) -> None:
    settings.REQUEST_DEADLINE = 1.0
    client, body = get_client("ama"), {"target_uid": "kofi", "action": "follow"}
    with proxy.interrupt(action, 1, marker=b"COMMIT", times=1) as interruption:
        response = client.post("/api/v1/social/follow", body)
    assert interruption.count == 1
    if action != "half-close-server":  # its reply is complete
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response.headers["Retry-After"]
    assert response.status_code in {200, 503}
    assert client.post("/api/v1/social/follow", body).status_code == 200
    assert get_store().count_following("ama") == 1
    assert get_store().get_job("backfill", "ama", "kofi") is not None
