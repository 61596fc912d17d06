"""The server front, with a small WSGI application. finishd/tests/test_front.py tests it in the real server."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest

from core import deadlines, telemetry
from core.tests.front_client import API, Application, FrontClient, Request, Response, front_client, wait_for


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def client(application: Application) -> Iterator[FrontClient]:
    with front_client(application) as client:
        yield client


def block(client: FrontClient, application: Application) -> Request:
    """Occupy the only thread of the API's lane, until `application.go_on` is set."""
    request = client.start("/api/page", query=b"block")
    assert application.started.wait(30)
    return request


def get_error(response: Response) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(response.body)
    assert (error["error"], error["statusCode"]) == (True, response.status)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    return error


def count_rejected(name: str, reason: str) -> float:
    return float(telemetry.REJECTED.labels(name, reason)._value.get())


class TestRequests:
    def test_the_application_gets_the_request_and_its_deadline(
        self, client: FrontClient, application: Application
    ) -> None:
        headers = [
            (b"host", b"api.example.com"),
            (b"content-type", b"application/json"),
            (b"x-forwarded-for", b"192.0.2.1"),
            (b"x-forwarded-for", b"192.0.2.2"),
            (b"x_forwarded_for", b"198.51.100.1"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
        ]
        before = time.monotonic()
        response = client.get("/api/page", method="POST", body=b"{}", query=b"q=%C3%A9", headers=headers)
        assert (response.status, response.body) == (200, b"hello")
        assert response.headers == {"content-type": "text/plain", "x-name": "é"}
        (environ,) = application.environs
        assert application.bodies == [b"{}"]
        expected = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/api/page",
            "QUERY_STRING": "q=%C3%A9",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": "2",
            "HTTP_HOST": "api.example.com",
            "REMOTE_ADDR": "10.0.0.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "8000",
            # A client cannot pretend with an underscore to be a proxy.
            "HTTP_X_FORWARDED_FOR": "192.0.2.1,192.0.2.2",
            "HTTP_COOKIE": "a=1; b=2",
        }
        assert {name: environ[name] for name in expected} == expected
        assert before + 4.9 < environ[deadlines.ENVIRON_KEY] < time.monotonic() + 5

    def test_a_path_is_decoded_to_bytes(self, client: FrontClient, application: Application) -> None:
        client.get("/api/%C3%A9%2F%FF")
        assert application.environs[0]["PATH_INFO"].encode("latin-1") == "/api/é/".encode() + b"\xff"

    def test_an_exception_is_a_500_and_is_logged(
        self, client: FrontClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert get_error(client.get("/api/page", query=b"raise"))["code"] == "server_error"
        assert client.get("/api/page").status == 200
        assert [record.levelno for record in caplog.records] == [logging.ERROR]

    def test_stopping_finishes_the_requests(self, application: Application) -> None:
        with front_client(application) as client:
            running, waiting = block(client, application), client.start("/api/page")
            wait_for(lambda: client.count_waiting(API) == 1)
            application.go_on.set()
        assert [running.wait().status, waiting.wait().status] == [200, 200]

    def test_a_request_that_comes_after_the_stop_is_rejected(self, application: Application) -> None:
        with front_client(application) as client:
            client.front._workers[API.name].stop()
            assert get_error(client.get("/api/page"))["code"] == "overloaded"


class TestBodies:
    def test_a_body_in_pieces_is_complete_before_a_thread_gets_it(
        self, client: FrontClient, application: Application
    ) -> None:
        request = client.start(
            "/api/page", method="POST", body=None, headers=[(b"transfer-encoding", b"chunked")]
        )
        request.send(b"ab")
        assert client.get("/api/page").status == 200  # the thread is free
        request.send(b"cd", more=False)
        assert request.wait().status == 200
        assert application.bodies == [b"", b"abcd"]
        assert application.environs[1]["CONTENT_LENGTH"] == "4"
        assert "HTTP_TRANSFER_ENCODING" not in application.environs[1]

    def test_a_late_body_is_a_408(self, client: FrontClient, application: Application) -> None:
        request = client.start("/api/hasty", method="POST", body=None, headers=[(b"content-length", b"4")])
        request.send(b"ab")
        assert get_error(request.wait())["code"] == "request_timeout"
        assert application.environs == []

    @pytest.mark.parametrize(
        ("path", "header"),
        [
            ("/api/page", (b"content-length", b"101")),
            ("/api/staff", (b"content-length", b"101")),
            ("/api/page", (b"transfer-encoding", b"chunked")),
        ],
    )
    def test_a_large_body_is_a_413(
        self, client: FrontClient, application: Application, path: str, header: tuple[bytes, bytes]
    ) -> None:
        request = client.start(path, method="POST", body=None, headers=[header])
        request.send(b"x" * 101)
        assert get_error(request.wait())["code"] == "body_too_large"
        assert application.environs == []

    def test_all_bodies_together_are_bounded(self, application: Application) -> None:
        chunked = [(b"transfer-encoding", b"chunked")]
        with front_client(application, max_bodies=150) as client:
            first = client.start("/api/page", method="POST", body=None, headers=chunked)
            first.send(b"x" * 100)
            second = client.start("/api/page", method="POST", body=None, headers=chunked)
            second.send(b"x" * 100)
            wait_for(lambda: first.is_done or second.is_done)
            rejected, accepted = (first, second) if first.is_done else (second, first)
            assert get_error(rejected.wait())["code"] == "overloaded"
            accepted.send(b"", more=False)
            assert accepted.wait().status == 200
            assert client.get("/api/page", method="POST", body=b"x" * 100).status == 200

    def test_an_incomplete_body_takes_no_thread(self, client: FrontClient, application: Application) -> None:
        request = client.start("/api/page", method="POST", body=None, headers=[(b"content-length", b"4")])
        request.send(b"ab")
        request.disconnect()
        assert get_error(request.wait())["code"] == "bad_request"
        assert application.environs == []


class TestOverload:
    def test_classes_with_a_small_share_are_rejected_first(
        self, client: FrontClient, application: Application, caplog: pytest.LogCaptureFixture
    ) -> None:
        before = count_rejected("events", "full")
        block(client, application)
        waiting = [client.start("/api/events") for _ in range(2)]
        error = client.get("/api/events")
        assert (get_error(error)["code"], error.headers["retry-after"]) == ("overloaded", "10")
        waiting += [client.start("/api/page") for _ in range(2)]
        error = client.get("/api/page")
        assert (error.status, error.headers["retry-after"]) == (503, "1")
        wait_for(lambda: count_rejected("events", "full") == before + 1)
        application.go_on.set()
        assert [request.wait().status for request in waiting] == [200] * 4
        wait_for(lambda: bool(caplog.records))
        assert "overload: requests rejected with 503: events 1" in caplog.text

    def test_a_lane_does_not_delay_another(self, client: FrontClient, application: Application) -> None:
        block(client, application)
        waiting = [client.start("/api/page") for _ in range(4)]
        assert client.get("/api/staff").status == 200
        assert not any(request.is_done for request in waiting)

    def test_liveness_needs_no_thread(self, client: FrontClient, application: Application) -> None:
        block(client, application)
        client.start("/api/staff", query=b"block")
        wait_for(lambda: len(application.environs) == 2)
        response = client.get("/api/reads", headers=[(b"x-request-id", b"abc")])
        assert (response.status, json.loads(response.body)) == (200, {"status": "healthy"})
        assert response.headers["x-request-id"] == "abc"
        error = client.get("/api/reads", method="POST")
        assert (get_error(error)["code"], error.headers["allow"]) == ("method_not_allowed", "GET, HEAD")

    def test_a_request_that_waits_too_long_is_rejected_while_all_threads_are_busy(
        self, client: FrontClient, application: Application
    ) -> None:
        before = count_rejected("hasty", "late")
        block(client, application)
        request = client.start("/api/hasty")
        assert get_error(request.wait())["code"] == "overloaded"
        wait_for(lambda: count_rejected("hasty", "late") == before + 1)
        assert len(application.environs) == 1

    def test_the_deadline_counts_from_the_arrival(
        self, client: FrontClient, application: Application
    ) -> None:
        block(client, application)
        arrived = time.monotonic()
        requests = [client.start("/api/page"), client.start("/api/page")]
        wait_for(lambda: time.monotonic() > arrived + 0.1)
        application.go_on.set()
        assert [request.wait().status for request in requests] == [200, 200]
        for environ in application.environs[1:]:
            assert (
                arrived + 5.1 < environ[deadlines.ENVIRON_KEY] < arrived + 25
            )  # `run` counts from its start

    def test_a_waiting_request_whose_client_has_gone_takes_no_thread(
        self, client: FrontClient, application: Application
    ) -> None:
        before = count_rejected("page", "gone")
        block(client, application)
        request = client.start("/api/page")
        request.disconnect()
        assert request.wait().status == 0
        assert count_rejected("page", "gone") == before + 1
        application.go_on.set()
        assert client.get("/api/page").status == 200
        assert len(application.environs) == 2

    def test_errors_outside_of_the_api_are_plain_text(
        self, client: FrontClient, application: Application
    ) -> None:
        response = client.get("/admin/", method="POST", body=b"x" * 101)
        assert (response.status, response.body) == (413, b"The body is too large.\n")
        assert response.headers["content-type"].startswith("text/plain")
