"""Liveness and readiness, over HTTP and with real dependencies. finishd/health/tests/ has the tests of each check."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics.tests.events import make_body, send_events
from content.models import Item
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips
from core.sql import circuit_breaker
from feed.services import builds
from finishd import request_classes
from finishd.health import check, report
from finishd.operations.tests.scraping import TOKEN
from finishd.run.embedded_redis import RedisServer

PARTS = ["sql", "redis", "cache", "broker", "indexes", "deliveries", "events", "clock", "disk"]
AUTHORIZED = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def _set_token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def get_parts() -> dict[str, Any]:
    """Return the parts of a new report."""
    report.clear()
    parts: dict[str, Any] = Client().get("/health/ready", headers=AUTHORIZED).json()["parts"]
    return parts


def get_readiness() -> tuple[int, dict[str, Any]]:
    """Return the status code of a new report and the status of each part."""
    report.clear()
    response = Client().get("/health/ready", headers=AUTHORIZED)
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

    @pytest.mark.parametrize("path", request_classes.LIVE_PATHS)
    def test_the_app_finds_liveness_below_its_base_url(self, path: str) -> None:
        assert Client().get(path).json() == {"status": "healthy"}

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
        indexes = get_parts()["indexes"]
        assert indexes["generation"] >= 1
        assert 0 <= indexes["ageSeconds"] < 60

    @pytest.mark.usefixtures("built")
    def test_ready_but_late_when_events_are_unread_for_too_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send_events("ama", make_body(), make_body())
        monkeypatch.setattr("analytics.services.lag.LATE_AFTER_SECONDS", -1.0)
        assert get_readiness()[0] == 200
        events = get_parts()["events"]
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
        assert parts == {**dict.fromkeys(PARTS, "unreachable"), "sql": "ok", "disk": "ok"}

    @pytest.mark.usefixtures("built")
    def test_not_ready_within_the_timeout_when_redis_hangs(self, redis_server: RedisServer) -> None:
        redis_server.pause()
        started = time.monotonic()
        status, parts = get_readiness()
        assert time.monotonic() - started < 2
        assert (status, parts["sql"]) == (503, "ok")
        assert {parts[name] for name in ("redis", "cache", "broker", "indexes", "events")} <= {
            "unreachable",
            "timeout",
        }

    @pytest.mark.usefixtures("built")
    def test_ready_again_when_redis_is_back(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        assert get_readiness()[0] == 503
        redis_server.start()
        _wait_for(lambda: get_readiness()[1]["redis"] == "ok", seconds=5)
        builds.rebuild_indexes(now=timezone.now())  # the server came back empty
        assert get_readiness()[0] == 200

    @pytest.mark.usefixtures("built")
    def test_only_an_informational_part_that_fails_is_not_called_not_ready(
        self, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis_server.stop()
        get_readiness()
        lines = [record.getMessage() for record in caplog.records if record.name == check.__name__]
        measured = [line for line in lines if "deliveries" in line]
        assert [line.split(": ")[:3] for line in measured] == [
            ["not measured, but ready", "deliveries", "ConnectionError"]
        ]
        assert len(lines) > 1
        assert all(line.startswith("not ready: ") for line in lines if line not in measured)

    @pytest.mark.usefixtures("built")
    def test_the_response_contains_no_addresses(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        page = Client().get("/health/ready", headers=AUTHORIZED).content.decode()
        assert "A call failed" in page
        assert "127.0.0.1" not in page
        assert str(connection.settings_dict["NAME"]) not in page


@pytest.mark.usefixtures("built")
class TestDetails:
    @pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}"])
    def test_others_get_only_the_status(self, authorization: str, redis_server: RedisServer) -> None:
        response = Client().get("/health/ready", HTTP_AUTHORIZATION=authorization)
        assert (response.status_code, response.json()) == (200, {"status": "ready"})
        redis_server.stop()
        report.clear()
        response = Client().get("/health/ready", HTTP_AUTHORIZATION=authorization)
        assert (response.status_code, response.json()) == (503, {"status": "not_ready"})

    def test_without_a_configured_token_no_token_is_accepted(self, settings: Any) -> None:
        settings.METRICS_TOKEN = ""
        assert "parts" not in Client().get("/health/ready", HTTP_AUTHORIZATION="Bearer ").json()

    def test_staff_get_them_with_their_session_and_other_users_do_not(self, client: Client) -> None:
        client.force_login(User.objects.create_user("visitor"))
        assert "parts" not in client.get("/health/ready").json()
        client.force_login(User.objects.create_user("staff", is_staff=True))
        assert list(client.get("/health/ready").json()["parts"]) == PARTS

    def test_an_unreadable_session_does_not_prevent_the_answer(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.force_login(User.objects.create_user("staff", is_staff=True))
        monkeypatch.setattr(report, "_get_time", lambda: 100.0)
        client.get("/health/ready")  # makes the report; its checks would close the circuit breaker
        monkeypatch.setattr(circuit_breaker._breaker, "_open_until", time.monotonic() + 60)
        response = client.get("/health/ready")
        assert (response.status_code, response.json()) == (200, {"status": "ready"})

    def test_a_request_without_a_session_reads_none(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            Client().get("/health/ready")


class TestCaching:
    @pytest.fixture(autouse=True)
    def _count_reports(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []

        def make_slowly() -> report.Report:
            self.made.append("report")
            time.sleep(0.05)
            return report.Report({}, {})

        monkeypatch.setattr(report, "_make_report", make_slowly)

    def test_concurrent_requests_share_one_report(self) -> None:
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(lambda _: Client().get("/health/ready").status_code, range(64)))
        assert (set(statuses), self.made) == ({200}, ["report"])

    def test_a_report_is_used_for_a_second(self, monkeypatch: pytest.MonkeyPatch) -> None:
        numbers = []
        for now in (100.0, 100.9, 101.0, 101.5, 102.1):
            monkeypatch.setattr(report, "_get_time", lambda now=now: now)
            Client().get("/health/ready")
            numbers.append(len(self.made))
        assert numbers == [1, 1, 2, 2, 3]
