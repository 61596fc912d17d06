"""Every error has one shape, and says no more than a client may know."""

import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from core.auth import devkeys
from core.errors import ApiError, Unavailable, format_retry_after
from core.tests.probe_urls import RAISED
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.urls("core.tests.probe_urls")


@pytest.fixture
def ama() -> Client:
    """Ama's phone; it sees a fault as an answer, as a phone does."""
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {_token()}"})


def _token() -> str:
    return devkeys.sign_token(
        Path(settings.FIREBASE_KEYS_FILE).parent,
        uid="ama",
        project=settings.FIREBASE_PROJECT_ID,
        now=time.time(),
    )


def shape_of(answer: Any) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/json"
    shape: dict[str, Any] = json.loads(answer.content)
    assert shape["error"] is True
    assert isinstance(shape["message"], str)
    assert shape["message"]
    assert shape["statusCode"] == answer.status_code
    assert isinstance(shape["code"], str)
    assert set(shape) <= {"error", "message", "statusCode", "code", "details"}
    assert "secret" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    return shape


EXPECTED = {
    "fault": (500, "server_error", None),
    "api": (400, "invalid_cursor", None),
    "unavailable": (503, "unavailable", "2"),
    "store": (503, "unavailable", "5"),
    "breaker": (503, "unavailable", "2"),
    "redis-timeout": (503, "unavailable", "2"),
    "redis-loading": (503, "unavailable", "2"),
    "redis-full": (503, "unavailable", "2"),
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
def test_an_exception_in_a_view_becomes_its_answer(
    name: str, debug: bool, ama: Client, settings: Any
) -> None:
    settings.DEBUG = debug
    answer = ama.get(f"/api/v1/raise/{name}")
    status, code, retry_after = EXPECTED[name]
    assert (answer.status_code, shape_of(answer)["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == retry_after


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
def test_an_error_outside_the_views_has_the_shape_too(
    path: str, status: int, code: str, debug: bool, ama: Client, settings: Any
) -> None:
    settings.DEBUG = debug
    answer = ama.get(path)
    assert (answer.status_code, shape_of(answer)["code"]) == (status, code)


def test_a_refused_host_has_the_shape_too(ama: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = ama.get("/api/v1/me", headers={"Host": "evil.example"})
    assert (answer.status_code, shape_of(answer)["code"]) == (400, "bad_request")


def test_pages_for_people_keep_their_html(ama: Client) -> None:
    for path, status in (("/nowhere", 404), ("/page-fault", 500)):
        answer = ama.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


class TestRequest:
    def post(self, client: Client, body: bytes, content_type: str = "application/json") -> Any:
        return client.post("/api/v1/post", data=body, content_type=content_type)

    def test_with_wrong_values_is_told_each_of_them(self, ama: Client) -> None:
        answer = self.post(ama, b'{"limit": 0, "names": ["a", "long"]}')
        shape = shape_of(answer)
        assert (answer.status_code, shape["code"]) == (400, "invalid")
        assert shape["message"] == "limit: Ensure this value is greater than or equal to 1."
        assert shape["details"] == {
            "limit": ["Ensure this value is greater than or equal to 1."],
            "names": {"1": ["Ensure this field has no more than 3 characters."]},
        }

    def test_with_a_wrong_value_deep_inside_names_its_place(self, ama: Client) -> None:
        shape = shape_of(self.post(ama, b'{"limit": 1, "names": ["a", "long"]}'))
        assert shape["message"].startswith("names.1: ")

    @pytest.mark.parametrize("body", [b"[]", b"5", b'"x"', b"null", b"[null]"])
    def test_that_is_no_object_is_a_400(self, ama: Client, body: bytes) -> None:
        assert shape_of(self.post(ama, body))["statusCode"] == 400

    @pytest.mark.parametrize(
        "body",
        [b"{", b"\xff", b'{"limit": NaN}', b'"\\ud800"', b"[" * 100_000, b"{}x", b"\xef\xbb\xbf{}"],
        ids=repr,
    )
    def test_that_is_no_json_is_a_400(self, ama: Client, body: bytes) -> None:
        shape = shape_of(self.post(ama, body))
        assert (shape["statusCode"], shape["code"]) == (400, "parse_error")

    def test_without_a_body_is_a_400(self, ama: Client) -> None:
        assert shape_of(self.post(ama, b""))["details"] == {"limit": ["This field is required."]}

    def test_whose_body_was_not_read_ends_its_connection_and_says_so(self, ama: Client) -> None:
        stranger = Client()
        assert self.post(stranger, b'{"limit": 1}').headers["Connection"] == "close"
        assert "Connection" not in self.post(ama, b'{"limit": 1}').headers

    def test_that_is_too_long_is_a_413(self, ama: Client) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = b'{"limit": 1}'
        assert self.post(ama, body + b" " * (limit - len(body))).status_code == 200
        shape = shape_of(self.post(ama, body + b" " * limit))
        assert (shape["statusCode"], shape["code"]) == (413, "body_too_large")

    def test_in_another_format_is_a_415(self, ama: Client) -> None:
        shape = shape_of(self.post(ama, b"limit=1", "application/x-www-form-urlencoded"))
        assert (shape["statusCode"], shape["code"]) == (415, "unsupported_media_type")

    def test_for_another_format_is_a_406(self, ama: Client) -> None:
        shape = shape_of(ama.get("/api/v1/me", headers={"Accept": "text/html"}))
        assert (shape["statusCode"], shape["code"]) == (406, "not_acceptable")

    def test_by_another_method_is_a_405_that_names_the_right_ones(self, ama: Client) -> None:
        answer = ama.delete("/api/v1/me")
        assert shape_of(answer)["code"] == "method_not_allowed"
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"

    def test_values_come_out_in_the_types_of_the_wire(self, ama: Client) -> None:
        assert ama.get("/api/v1/values").json() == {"decimal": 1.5, "lazy": "later", "set": [1, 2], "5": None}


class TestFault:
    def test_is_logged_once_with_its_traceback(self, ama: Client, caplog: pytest.LogCaptureFixture) -> None:
        ama.get("/api/v1/raise/fault")
        (record,) = [entry for entry in caplog.records if entry.levelno >= logging.ERROR]
        assert record.exc_info is not None
        assert "/api/v1/raise/fault" in record.getMessage()

    def test_of_an_outside_part_is_one_line(self, ama: Client, caplog: pytest.LogCaptureFixture) -> None:
        ama.get("/api/v1/raise/redis-timeout")
        (record,) = [entry for entry in caplog.records if entry.name != "core.access"]
        assert record.levelno == logging.WARNING
        assert not record.exc_info
        assert "secret host" in record.getMessage()

    def test_fails_the_test_that_did_not_expect_it(self) -> None:
        client = Client(headers={"Authorization": f"Bearer {_token()}"})
        with pytest.raises(RuntimeError):
            client.get("/api/v1/raise/fault")


def test_a_stopped_redis_is_a_503_and_the_answers_come_back_with_it(
    ama: Client, redis_server: RedisServer
) -> None:
    assert ama.get("/api/v1/redis").status_code == 200
    redis_server.stop()
    for _ in range(8):  # past the number of failures that opens the breaker
        answer = ama.get("/api/v1/redis")
        assert answer.status_code == 503
        assert shape_of(answer)["code"] == "unavailable"
        assert 1 <= int(answer.headers["Retry-After"]) <= 2
    redis_server.start()
    deadline = time.monotonic() + 5
    while ama.get("/api/v1/redis").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.django_db
def test_a_database_that_fails_is_a_503(ama: Client) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a missing table is an OperationalError only on SQLite")
    assert shape_of(ama.get("/api/v1/sql"))["statusCode"] == 503


def test_seconds_to_wait_are_whole_and_at_least_one() -> None:
    assert [format_retry_after(value) for value in (-1, 0, 0.2, 1, 1.01, 60)] == [
        "1",
        "1",
        "1",
        "1",
        "2",
        "60",
    ]


def test_an_error_carries_its_message_as_an_exception_does() -> None:
    assert str(ApiError("code", "A sentence.", 409)) == "A sentence."
    assert str(Unavailable()).startswith("The service")
