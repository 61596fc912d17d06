"""Error responses: one shape, and no internals."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from core.auth import devkeys
from core.errors import ApiError, Unavailable, format_retry_after
from core.tests.probe_urls import RAISED
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.urls("core.tests.probe_urls")


@pytest.fixture
def ama() -> Client:
    """Return Ama's client. It gets a response to a fault instead of the exception, as a phone does."""
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {_token()}"})


def _token() -> str:
    return devkeys.sign_token(
        Path(settings.FIREBASE_KEYS_FILE).parent,
        uid="ama",
        project=settings.FIREBASE_PROJECT_ID,
        now=time.time(),
    )


def get_error(response: Any) -> dict[str, Any]:
    assert response.headers["Content-Type"] == "application/json"
    error: dict[str, Any] = json.loads(response.content)
    assert error["error"] is True
    assert isinstance(error["message"], str)
    assert error["message"]
    assert error["statusCode"] == response.status_code
    assert isinstance(error["code"], str)
    assert set(error) <= {"error", "message", "statusCode", "code", "details"}
    assert "secret" not in response.content.decode()
    assert "Traceback" not in response.content.decode()
    return error


EXPECTED = {
    "fault": (500, "server_error", None),
    "api": (400, "invalid_cursor", None),
    "unavailable": (503, "unavailable", "2"),
    "store": (503, "unavailable", "5"),
    "breaker": (503, "unavailable", "2"),
    "redis-timeout": (503, "unavailable", "2"),
    "redis-loading": (503, "unavailable", "2"),
    "redis-full": (503, "unavailable", "5"),
    "redis-misuse": (500, "server_error", None),
    "sql": (503, "unavailable", "5"),
    "sql-closed": (503, "unavailable", "5"),
    "broker": (503, "unavailable", "5"),
    "missing": (404, "not_found", None),
    "forbidden": (403, "permission_denied", None),
    "suspicious": (400, "bad_request", None),
    "bad": (400, "bad_request", None),
    "throttled": (429, "throttled", "3"),
    "throttled-unknown": (429, "throttled", "1"),
}


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize("name", RAISED)
def test_an_exception_in_a_view_becomes_an_error_response(
    name: str, debug: bool, ama: Client, settings: Any
) -> None:
    settings.DEBUG = debug
    response = ama.get(f"/api/v1/raise/{name}")
    status, code, retry_after = EXPECTED[name]
    assert (response.status_code, get_error(response)["code"]) == (status, code)
    assert response.headers.get("Retry-After") == retry_after


@pytest.mark.parametrize("debug", [False, True], ids=["production", "debug"])
@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nowhere", 404, "not_found"),
        ("/api", 404, "not_found"),
        ("/health/nowhere", 404, "not_found"),
        ("/api/plain-missing", 404, "not_found"),
        ("/api/plain-fault", 500, "server_error"),
        ("/api/v1/unserialisable", 500, "server_error"),
        ("/api/v1/me?q=%00", 400, "null_character"),
        ("/api/v1/%00", 400, "null_character"),
        ("/api/v1/%ff%fe", 404, "not_found"),
    ],
)
def test_an_error_outside_of_views_has_the_same_shape(
    path: str, status: int, code: str, debug: bool, ama: Client, settings: Any
) -> None:
    settings.DEBUG = debug
    response = ama.get(path)
    assert (response.status_code, get_error(response)["code"]) == (status, code)


def test_a_disallowed_host_gets_the_same_shape(ama: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = ama.get("/api/v1/me", headers={"Host": "evil.example"})
    assert (response.status_code, get_error(response)["code"]) == (400, "bad_request")


def test_pages_outside_of_the_api_keep_djangos_html(ama: Client) -> None:
    for path, status in (("/nowhere", 404), ("/page-fault", 500)):
        response = ama.get(path)
        assert (response.status_code, response.headers["Content-Type"]) == (
            status,
            "text/html; charset=utf-8",
        )


class TestInvalidRequests:
    def post(self, client: Client, body: bytes, content_type: str = "application/json") -> Any:
        return client.post("/api/v1/post", data=body, content_type=content_type)

    def test_every_invalid_value_is_reported(self, ama: Client) -> None:
        response = self.post(ama, b'{"limit": 0, "names": ["a", "long"]}')
        error = get_error(response)
        assert (response.status_code, error["code"]) == (400, "invalid")
        assert error["message"] == "limit: Ensure this value is greater than or equal to 1."
        assert error["details"] == {
            "limit": ["Ensure this value is greater than or equal to 1."],
            "names": {"1": ["Ensure this field has no more than 3 characters."]},
        }

    def test_the_message_names_the_path_of_a_nested_value(self, ama: Client) -> None:
        error = get_error(self.post(ama, b'{"limit": 1, "names": ["a", "long"]}'))
        assert error["message"].startswith("names.1: ")

    @pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null", b"[null]"])
    def test_a_body_that_is_not_an_object_gets_a_400(self, ama: Client, body: bytes) -> None:
        assert get_error(self.post(ama, body))["statusCode"] == 400

    @pytest.mark.parametrize(
        "body",
        [b"{", b"\xff", b'{"limit": NaN}', b'"\\ud800"', b"[" * 100_000, b"{}x", b"\xef\xbb\xbf{}"],
        ids=repr,
    )
    def test_a_body_that_is_not_strict_json_gets_a_400(self, ama: Client, body: bytes) -> None:
        error = get_error(self.post(ama, body))
        assert (error["statusCode"], error["code"]) == (400, "parse_error")

    def test_an_empty_body_gets_a_400(self, ama: Client) -> None:
        assert get_error(self.post(ama, b""))["details"] == {"limit": ["This field is required."]}

    def test_a_body_that_is_too_large_gets_a_413(self, ama: Client) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = b'{"limit": 1}'
        assert self.post(ama, body + b" " * (limit - len(body))).status_code == 200
        error = get_error(self.post(ama, body + b" " * limit))
        assert (error["statusCode"], error["code"]) == (413, "body_too_large")

    def test_another_content_type_gets_a_415(self, ama: Client) -> None:
        error = get_error(self.post(ama, b"limit=1", "application/x-www-form-urlencoded"))
        assert (error["statusCode"], error["code"]) == (415, "unsupported_media_type")

    def test_another_accepted_type_gets_a_406(self, ama: Client) -> None:
        error = get_error(ama.get("/api/v1/me", headers={"Accept": "text/html"}))
        assert (error["statusCode"], error["code"]) == (406, "not_acceptable")

    def test_another_method_gets_a_405_with_the_allowed_ones(self, ama: Client) -> None:
        response = ama.delete("/api/v1/me")
        assert get_error(response)["code"] == "method_not_allowed"
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"

    def test_values_are_written_in_json_types(self, ama: Client) -> None:
        assert ama.get("/api/v1/values").json() == {"decimal": 1.5, "lazy": "later", "set": [1, 2], "5": None}


class TestLoggedFaults:
    def test_an_unexpected_error_is_logged_once_with_its_traceback(
        self, ama: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        ama.get("/api/v1/raise/fault")
        (record,) = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
        assert record.exc_info is not None
        assert "/api/v1/raise/fault" in record.getMessage()

    def test_an_unavailable_dependency_is_logged_in_one_line(
        self, ama: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        ama.get("/api/v1/raise/redis-timeout")
        (record,) = [entry for entry in caplog.records if entry.name != "core.access"]
        assert record.levelno == logging.WARNING
        assert not record.exc_info
        assert "secret host" in record.getMessage()

    def test_an_unexpected_error_propagates_to_the_test_client(self) -> None:
        client = Client(headers={"Authorization": f"Bearer {_token()}"})
        with pytest.raises(RuntimeError):
            client.get("/api/v1/raise/fault")


def test_requests_get_a_503_while_redis_is_stopped_and_succeed_after_its_restart(
    ama: Client, redis_server: RedisServer
) -> None:
    assert ama.get("/api/v1/redis").status_code == 200
    redis_server.stop()
    for _ in range(8):  # more than the circuit breaker's threshold
        response = ama.get("/api/v1/redis")
        assert response.status_code == 503
        assert get_error(response)["code"] == "unavailable"
        assert 1 <= int(response.headers["Retry-After"]) <= 2
    redis_server.start()
    deadline = time.monotonic() + 5
    while ama.get("/api/v1/redis").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.django_db
def test_a_missing_table_gets_a_503_on_both_databases(ama: Client) -> None:
    assert get_error(ama.get("/api/v1/sql"))["statusCode"] == 503


def test_retry_after_is_rounded_up_to_whole_seconds() -> None:
    seconds = (-1, 0, 0.2, 1, 1.01, 60)
    assert [format_retry_after(value) for value in seconds] == ["1", "1", "1", "1", "2", "60"]


def test_the_text_of_an_api_error_is_its_message() -> None:
    assert str(ApiError("code", "A sentence.", 409)) == "A sentence."
    assert str(Unavailable()).startswith("The service")
