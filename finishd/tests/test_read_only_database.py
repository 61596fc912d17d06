"""A database that has become read-only, as after a failover to a standby or on a full disk."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import Client

from activity.tests.api_steps import BLOCK, FOLLOW, SYNC
from core.sql import circuit_breaker
from feed.tests import world
from finishd.health import report
from finishd.testing.api import get_client
from finishd.testing.people import Messages

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

WRITES: Final[dict[str, dict[str, Any]]] = {
    SYNC: {"title_id": "603", "media_type": "movie", "is_favorite": True},
    FOLLOW: {"target_uid": "kofi", "action": "follow"},
    BLOCK: {"target_uid": "kofi", "action": "block"},
    "/api/v1/user/preferences/sync": {"selectedGenres": ["drama"]},
}
READS: Final = (
    "/api/v1/feed",
    "/api/v1/feed?feed_type=trending",
    "/api/v1/feed?feed_type=following",
    "/api/v1/search?q=film",
    *(f"/api/v1/social/{name}/ama" for name in ("followers", "following", "stats", "mutuals")),
)


@contextmanager
def read_only() -> Iterator[None]:
    """Make the database reject writes, in the way of each server. Connections of other threads are read-only too."""
    begin, end = _statements()
    _execute(*begin)
    connection_created.connect(_make_read_only)
    try:
        yield
    finally:
        connection_created.disconnect(_make_read_only)
        _execute(*end)


def _make_read_only(connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":  # PostgreSQL's setting is one of the database
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")


def _statements() -> tuple[list[str], list[str]]:
    if connection.vendor == "sqlite":
        return ["PRAGMA query_only = ON"], ["PRAGMA query_only = OFF"]
    database = connection.ops.quote_name(connection.settings_dict["NAME"])
    setting = "default_transaction_read_only"
    return (
        [f"ALTER DATABASE {database} SET {setting} = on"],
        [f"SET {setting} = off", f"ALTER DATABASE {database} RESET {setting}"],
    )


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    if connection.vendor == "postgresql":  # the setting applies to new connections
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def people(messages: Messages) -> None:
    world.catalogue(30)
    world.build()
    for uid in ("ama", "kofi"):
        assert get_client(uid).get("/api/v1/feed").status_code == 200


@pytest.mark.usefixtures("people")
class TestApi:
    @pytest.mark.parametrize("path", WRITES)
    def test_a_write_is_a_503_in_one_log_line_and_succeeds_afterwards(
        self, path: str, messages: Messages, caplog: pytest.LogCaptureFixture
    ) -> None:
        with read_only():
            for _ in range(6):  # more than the circuit breaker's threshold
                caplog.clear()
                answer = get_client("ama").post(path, WRITES[path])
                assert answer.status_code == 503, answer.content
                assert answer["Retry-After"] == "5"
                assert answer.json()["code"] == "unavailable"
                assert messages.waiting == []
                warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
                assert [record.exc_info for record in warnings] == [None]
        assert circuit_breaker._breaker.state == "closed"
        assert get_client("ama").post(path, WRITES[path]).status_code == 200

    def test_reads_and_events_are_served(self) -> None:
        event = {"eventType": "view", "itemId": "film-0001", "timestamp": "2026-11-23T12:00:00Z"}
        with read_only():
            for uid, path in product(("ama", "a new viewer"), READS):
                answer = get_client(uid).get(path)
                assert answer.status_code == 200, answer.content
            answer = get_client("ama").post("/api/v1/analytics/event", {"events": [event]})
            assert answer.status_code == 200, answer.content


class TestReadiness:
    def test_the_service_is_not_ready_and_says_why(self) -> None:
        assert report.get_report().parts["sql"]["status"] == "ok"
        with read_only():
            report.clear()
            part = report.get_report().parts["sql"]
        name = "SQLITE_READONLY" if connection.vendor == "sqlite" else "ReadOnlySqlTransaction"
        assert part == {"status": "rejects_writes", "reason": f"SQL rejects writes: {name}."}
        assert circuit_breaker._breaker.state == "closed"
        report.clear()
        assert report.get_report().parts["sql"]["status"] == "ok"


class TestStaff:
    def test_a_login_is_a_503_without_a_traceback(
        self, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
        User.objects.create_superuser("staff", password="a good long password")
        client = Client(raise_request_exception=False)
        form = {"username": "staff", "password": "a good long password"}
        with read_only():
            answer = client.post("/admin/login/", form)
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert not any(record.exc_info for record in caplog.records)
        assert client.post("/admin/login/", form).status_code == 302

    def test_a_bug_on_a_page_is_still_a_500(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("finishd.staff.logins.count_attempt", fail)
        client = Client(raise_request_exception=False)
        assert client.post("/admin/login/", {"username": "staff"}).status_code == 500
