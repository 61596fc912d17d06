"""Liveness and readiness, over HTTP and with real dependencies."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics.tests.events import make_body, send_events
from content.models import Item
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips
from feed.services import builds
from finishd.run.embedded_redis import RedisServer

PARTS = ["sql", "redis", "cache", "broker", "indexes", "deliveries", "events"]


def get_readiness() -> tuple[int, dict[str, Any]]:
    """Return the status code of `/health/ready` and the status of each part."""
    response = Client().get("/health/ready")
    assert response.headers["Cache-Control"].startswith("max-age=0")
    body: dict[str, Any] = response.json()
    assert set(body["breakers"].values()) <= {"closed", "open", "half-open"}
    assert list(body["parts"]) == PARTS
    assert body["status"] == ("ready" if response.status_code == 200 else "not_ready")
    return response.status_code, {name: part["status"] for name, part in body["parts"].items()}


@pytest.fixture
def built(transactional_db: None) -> None:
    ItemFactory.create_batch(3, status=Item.Status.PUBLISHED)
    builds.rebuild_indexes(now=timezone.now())


def _wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class TestLive:
    def test_liveness_makes_no_calls(self) -> None:
        # No database mark: a query would fail the test.
        with count_round_trips() as round_trips:
            response = Client().get("/health")
        assert (response.status_code, response.json(), round_trips) == (200, {"status": "healthy"}, [])

    def test_liveness_needs_no_redis(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        assert Client().get("/health").status_code == 200

    def test_liveness_allows_only_reads(self) -> None:
        response = Client().post("/health")
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        assert response.headers["Allow"] == "GET, HEAD"

    def test_liveness_is_not_redirected_to_https(self, settings: Any) -> None:
        settings.SECURE_SSL_REDIRECT = True
        assert Client().get("/health").status_code == 200
        assert Client().get("/api/v1/search").status_code == 301


class TestReady:
    @pytest.mark.usefixtures("built")
    def test_ready_when_all_parts_respond(self) -> None:
        assert get_readiness() == (200, dict.fromkeys(PARTS, "ok"))
        indexes = Client().get("/health/ready").json()["parts"]["indexes"]
        assert indexes["generation"] >= 1
        assert 0 <= indexes["ageSeconds"] < 60

    @pytest.mark.usefixtures("built")
    def test_ready_but_late_when_events_are_unread_for_too_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send_events("ama", make_body(), make_body())
        monkeypatch.setattr("analytics.services.lag.LATE_AFTER_SECONDS", -1.0)
        response = Client().get("/health/ready")
        assert response.status_code == 200
        events = response.json()["parts"]["events"]
        assert (events["waiting"], events["late"], events["deadLetters"]) == (2, True, 0)
        assert 0 <= events["oldestSeconds"] < 60

    @pytest.mark.django_db(transaction=True)
    def test_not_ready_without_indexes(self) -> None:
        status, parts = get_readiness()
        assert (status, parts) == (503, {**dict.fromkeys(PARTS, "ok"), "indexes": "missing"})

    @pytest.mark.usefixtures("built")
    def test_not_ready_with_stale_indexes(self, settings: Any) -> None:
        settings.INDEX_STALE_SECONDS = -1
        status, parts = get_readiness()
        assert (status, parts["indexes"]) == (503, "stale")

    def test_not_ready_without_the_database(self) -> None:
        # No database mark, so every query fails.
        status, parts = get_readiness()
        assert (status, parts["sql"], parts["redis"]) == (503, "unreachable", "ok")

    @pytest.mark.usefixtures("built")
    def test_not_ready_without_redis(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        status, parts = get_readiness()
        assert status == 503
        assert parts == {**dict.fromkeys(PARTS, "unreachable"), "sql": "ok"}

    @pytest.mark.usefixtures("built")
    def test_not_ready_within_the_timeout_when_redis_hangs(self, redis_server: RedisServer) -> None:
        redis_server.pause()
        started = time.monotonic()
        status, parts = get_readiness()
        assert time.monotonic() - started < 2
        assert (status, parts["sql"]) == (503, "ok")
        assert {parts[name] for name in ("redis", "cache", "broker", "indexes")} <= {"unreachable", "timeout"}

    @pytest.mark.usefixtures("built")
    def test_ready_again_when_redis_is_back(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        assert get_readiness()[0] == 503
        redis_server.start()
        _wait_for(lambda: get_readiness()[1]["redis"] == "ok", seconds=5)
        builds.rebuild_indexes(now=timezone.now())  # the server came back empty
        assert get_readiness()[0] == 200

    @pytest.mark.usefixtures("built")
    def test_the_response_contains_no_addresses(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        page = Client().get("/health/ready").content.decode()
        assert "127.0.0.1" not in page
        assert str(connection.settings_dict["NAME"]) not in page
