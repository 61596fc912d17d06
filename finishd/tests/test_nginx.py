"""The shipped configuration of nginx, in front of a real web server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from feed.tests import world
from finishd.run.ports import free_port
from finishd.testing.api import get_token
from finishd.testing.nginx import Nginx, find_nginx, running_nginx
from finishd.testing.processes import Web, processes
from finishd.testing.services import service_missing
from finishd.testing.sockets import open_connections

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

HALF_BODY = (
    "POST /api/v1/analytics/event HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\n"
    'Content-Length: 100\n\n{"events": ['
)
PRODUCTION = {
    "SECURE_SSL_REDIRECT": "true",
    "TRUST_X_FORWARDED_PROTO": "true",
    "TRUSTED_PROXIES": "127.0.0.1",
    "THROTTLE_FEED_ADDRESS": "3/min",
}


@pytest.fixture(scope="module")
def program() -> str:
    found = find_nginx()
    if found is None:
        service_missing("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


@pytest.fixture(scope="module")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with processes(tmp_path_factory.mktemp("web")) as started:
        yield started.web(**PRODUCTION)


@pytest.fixture(scope="module")
def nginx(program: str, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """nginx with shorter times."""
    directory = tmp_path_factory.mktemp("nginx")
    times = {"client_body_timeout": "2s", "client_header_timeout": "2s", "keepalive_timeout": "3s"}
    with running_nginx(program, directory, web_port=int(web.address.rpartition(":")[2]), **times) as nginx:
        yield nginx


@pytest.fixture
def client(nginx: Nginx) -> Iterator[httpx.Client]:
    with make_client(nginx) as client:
        yield client


def make_client(nginx: Nginx) -> httpx.Client:
    headers = {"Authorization": f"Bearer {get_token('ama')}"}
    return httpx.Client(base_url=nginx.https, verify=nginx.context, headers=headers, timeout=20)


def test_requests_reach_the_web_server_with_their_address_scheme_and_id(client: httpx.Client) -> None:
    world.catalogue(60)
    world.build()
    # Without the forwarded scheme, the web server would redirect to HTTPS. Each address has a limit of its own.
    for address in ("192.0.2.1", "192.0.2.2"):
        headers = {"X-Forwarded-For": address, "X-Request-ID": f"request-{address[-1]}"}
        responses = [client.get("/api/v1/feed", headers=headers) for _ in range(4)]
        assert [response.status_code for response in responses] == [200, 200, 200, 429]
        assert {response.headers["X-Request-ID"] for response in responses} == {headers["X-Request-ID"]}
    assert client.get("/health").headers["X-Request-ID"]


def test_plain_http_is_redirected(nginx: Nginx) -> None:
    response = httpx.get(f"{nginx.http}/health")
    assert (response.status_code, response.headers["Location"]) == (308, "https://127.0.0.1/health")


def test_half_bodies_block_nobody_and_their_connections_are_closed(
    nginx: Nginx, client: httpx.Client
) -> None:
    with open_connections(nginx.https, 64, nginx.context) as half:
        for each in half:
            each.send(HALF_BODY)
        assert client.get("/api/v1/search?q=film").status_code == 200
        for each in half:
            assert each.wait_until_closed() < 15


def test_idle_connections_and_slow_headers_lock_nobody_out_and_are_closed(
    nginx: Nginx, client: httpx.Client
) -> None:
    with open_connections(nginx.https, 300, nginx.context) as idle:
        for each in idle[:100]:
            each.send("GET /health HTTP/1.1\nHost: 127.0.0.1\nX-Slow: ")
        assert client.get("/health").status_code == 200
        for each in idle:
            assert each.wait_until_closed() < 15


@pytest.mark.parametrize(
    ("path", "size"),
    [("/api/v1/analytics/event", 600_000), ("/api/v1/user-titles/sync", 1_100_000), ("/health", 2)],
)
def test_a_large_body_is_a_413_in_the_shape_of_the_api(client: httpx.Client, path: str, size: int) -> None:
    response = client.post(path, content=b"x" * size)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_without_a_web_server_the_answer_is_a_503(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("alone")
    with running_nginx(program, directory, web_port=free_port()) as nginx, make_client(nginx) as client:
        response = client.get("/api/v1/feed")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert (response.json()["code"], response.json()["statusCode"]) == ("unavailable", 503)


def test_a_change_is_sent_once_although_its_connection_breaks(
    program: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    received: list[bytes] = []

    def close_each(listener: socket.socket) -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:  # the test has ended
                return
            with connection:
                received.append(connection.recv(65_536))

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=close_each, args=(listener,))
        thread.start()
        directory = tmp_path_factory.mktemp("breaking")
        port = listener.getsockname()[1]
        with running_nginx(program, directory, web_port=port) as nginx, make_client(nginx) as client:
            assert client.post("/api/v1/user-titles/sync", json={"a": 1}).status_code == 503
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    assert len([request for request in received if request.startswith(b"POST ")]) == 1
