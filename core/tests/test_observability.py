"""Request ids, log lines and metrics of responses and tasks."""

import json
import logging
from typing import Any

import pytest
from celery import shared_task
from celery.exceptions import Retry
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from structlog.contextvars import get_contextvars

from core import log_context
from core.logs import formatters
from core.telemetry import REGISTRY
from core.tests import probe_urls
from core.throttling.rates import Limits, Rate
from finishd.celery import app
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client

pytestmark = pytest.mark.django_db


def get_value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"finishd_{name}", labels) or 0.0


def get_lines(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    """Return a logger's lines in the format of production."""
    formatter = formatters.make_formatter("json")
    return [json.loads(formatter.format(record)) for record in caplog.records if record.name == name]


class TestRequestId:
    @pytest.mark.parametrize("given", ["b7a1e7d0-5d2c-4c8e-9d3e-0f6f2f6b7a10", "A_b-9", "x" * 64])
    def test_a_valid_id_is_kept(self, given: str) -> None:
        assert Client().get("/health", HTTP_X_REQUEST_ID=given).headers["X-Request-ID"] == given

    @pytest.mark.parametrize(
        "given", ["", "x" * 65, "two words", "line\nbreak", "eyJhbGciOi.eyJzdWIiOi.c2ln", "ünd", 'a"b']
    )
    def test_an_invalid_id_is_replaced(self, given: str) -> None:
        made = Client().get("/health", HTTP_X_REQUEST_ID=given).headers["X-Request-ID"]
        assert made != given
        assert len(made) == 24

    @pytest.mark.parametrize(
        ("address", "status"),
        [
            ("/health", 200),
            ("/api/v1/feed", 401),
            ("/no/such/place", 404),
            ("/api/v1/%00", 400),
            ("/metrics", 404),
        ],
    )
    def test_every_response_has_an_id(self, address: str, status: int) -> None:
        response = Client().get(address)
        assert (response.status_code, len(response.headers["X-Request-ID"])) == (status, 24)

    def test_two_requests_of_a_thread_have_different_ids(self) -> None:
        client = get_client("ama")
        first = client.get("/api/v1/feed")
        assert get_contextvars() == {}
        assert client.get("/api/v1/feed").headers["X-Request-ID"] != first.headers["X-Request-ID"]


class TestAccessLog:
    @pytest.fixture(autouse=True)
    def _all(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

    def test_a_line_has_the_route_and_neither_path_nor_query(self, caplog: pytest.LogCaptureFixture) -> None:
        response = get_client("ama").get("/api/v1/social/stats/kofi?cursor=secret")
        (record,) = [record for record in caplog.records if record.name == "core.access"]
        assert record.getMessage().startswith("GET /api/v1/social/stats/<str:uid> 200 ")
        (line,) = get_lines(caplog, "core.access")
        assert (line["method"], line["route"], line["status"]) == (
            "GET",
            "/api/v1/social/stats/<str:uid>",
            200,
        )
        assert 0 < line["duration_ms"] < 60_000
        assert len(response.headers["X-Request-ID"]) == 24
        assert "kofi" not in json.dumps(line)
        assert "secret" not in json.dumps(line)

    def test_a_4xx_is_logged_only_there(self, caplog: pytest.LogCaptureFixture) -> None:
        Client().get("/api/v1/nobody/kofi")
        assert [record.name for record in caplog.records] == ["core.access"]
        assert get_lines(caplog, "core.access")[0]["route"] == "unknown"

    def test_a_failed_readiness_check_is_no_error_in_the_log(
        self, caplog: pytest.LogCaptureFixture, redis_server: RedisServer
    ) -> None:
        redis_server.stop()
        assert Client().get("/health/ready").status_code == 503
        assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
        assert get_lines(caplog, "core.access")[0]["status"] == 503

    def test_a_disallowed_host_is_logged_only_there(self, caplog: pytest.LogCaptureFixture) -> None:
        assert Client().get("/api/v1/feed", HTTP_HOST="elsewhere.example").status_code == 400
        assert [record.name for record in caplog.records] == ["core.access"]

    def test_viewers_are_logged_by_pseudonym(self, settings: Any) -> None:
        log_context.bind_viewer("ama")
        viewer = get_contextvars()["viewer"]
        log_context.clear()
        assert len(viewer) == 12
        assert viewer == log_context.pseudonym("ama", settings.SECRET_KEY)
        assert viewer != log_context.pseudonym("ama", "another secret")
        assert viewer != log_context.pseudonym("kofi", settings.SECRET_KEY)

    @pytest.mark.urls("core.tests.probe_urls")
    def test_a_fault_outside_of_the_api_is_logged_once_by_its_route(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(request: HttpRequest, uid: str) -> HttpResponse:
            raise RuntimeError(uid)

        monkeypatch.setattr(probe_urls, "urlpatterns", [path("api/fail/<uid>", fail)])
        client = Client(raise_request_exception=False)
        assert client.get("/api/fail/kofi").status_code == 500
        (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert record.getMessage() == "Internal Server Error: /api/fail/<uid>"


class TestRequestMetrics:
    def test_requests_are_counted_by_route_method_and_status(self) -> None:
        labels = {"route": "/api/v1/social/stats/<str:uid>", "method": "GET"}
        before = get_value("http_requests_total", status="200", **labels)
        for uid in ("kofi", "esi"):
            get_client("ama").get(f"/api/v1/social/stats/{uid}")
        assert get_value("http_requests_total", status="200", **labels) == before + 2
        assert get_value("http_request_duration_seconds_count", **labels) >= 2

    def test_unknown_routes_and_methods_share_one_label(self) -> None:
        before = get_value("http_requests_total", route="unknown", method="other", status="404")
        for number in range(3):
            Client().generic(f"BREW{number}", f"/pot/{number}")
        assert get_value("http_requests_total", route="unknown", method="other", status="404") == before + 3

    def test_throttled_requests_are_counted_by_scope(self, settings: Any) -> None:
        limits = {scope: Limits(scope, address=Rate(1, 3600)) for scope in ("read", "denied", "login")}
        settings.THROTTLES = {**settings.THROTTLES, **limits}
        before = {scope: get_value("throttled_total", scope=scope) for scope in limits}
        for _ in range(3):
            get_client("ama").get("/api/v1/social/stats/kofi")
            Client().get("/api/v1/social/stats/kofi")
            Client().post("/admin/login/", {"username": "staff", "password": "guessed"})
        assert {scope: get_value("throttled_total", scope=scope) - before[scope] for scope in limits} == {
            "read": 2,
            "denied": 2,
            "login": 2,
        }


@shared_task(name="probe.observed")
def observed(how: str = "", **_: Any) -> dict[str, str]:
    if how == "fail":
        raise ValueError(how)
    if how == "retry":
        raise Retry
    return {**get_contextvars()}


class TestTasks:
    def test_a_task_has_the_id_in_its_message(self) -> None:
        bound = observed.apply(headers={"request_id": "from-a-phone"}).get()
        assert bound["request_id"] == "from-a-phone"
        assert bound["task"] == "probe.observed"
        assert get_contextvars() == {}

    def test_a_task_without_a_valid_id_gets_a_new_one(self) -> None:
        assert len(observed.apply().get()["request_id"]) == 24
        assert len(observed.apply(headers={"request_id": "no good"}).get()["request_id"]) == 24

    def test_a_task_within_a_request_restores_its_context(self) -> None:
        log_context.bind(request_id="a-request", viewer="0123")
        bound = observed.apply().get()
        assert (bound["request_id"], bound["viewer"]) == ("a-request", "0123")
        assert get_contextvars() == {"request_id": "a-request", "viewer": "0123"}
        log_context.clear()

    def test_a_message_carries_the_id_of_its_sender(self) -> None:
        log_context.bind(request_id="a-request")
        observed.delay()
        log_context.clear()
        observed.delay()
        with app.connection_for_read() as broker, broker.SimpleQueue("default") as queue:
            first, second = (queue.get(timeout=5).headers for _ in range(2))
        assert first["request_id"] == "a-request"
        assert "request_id" not in second

    @pytest.mark.parametrize(
        ("how", "outcome"), [("", "succeeded"), ("fail", "failed"), ("retry", "retried")]
    )
    def test_tasks_are_counted_by_outcome(self, how: str, outcome: str) -> None:
        before = get_value("tasks_total", task="probe.observed", outcome=outcome)
        observed.apply(args=(how,))
        assert get_value("tasks_total", task="probe.observed", outcome=outcome) == before + 1
        assert get_value("task_duration_seconds_count", task="probe.observed") >= 1
