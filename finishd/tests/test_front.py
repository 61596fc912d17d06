"""The server front in the real web server: misbehaving clients, overload and a stop."""

from collections.abc import Iterator

import httpx
import pytest

from feed.tests import world
from finishd.testing.processes import Processes, Web, processes
from finishd.testing.sockets import open_connections

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

HALF_BODY = (
    "POST /api/v1/analytics/event HTTP/1.1\nHost: 127.0.0.1\nContent-Type: application/json\n"
    'Content-Length: 100\n\n{"events": ['
)
# One thread, and room for eight requests that wait: two events, four first pages, six others.
SMALL = {"WEB_THREADS": "1", "WEB_QUEUE": "8"}


@pytest.fixture(scope="module")
def started(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with processes(tmp_path_factory.mktemp("front")) as started:
        yield started


@pytest.fixture(scope="module")
def web(started: Processes) -> Web:
    """A server with one process, whose timeouts are short."""
    return started.web(BODY_DEADLINE="2", WEB_IDLE_SECONDS="3")


@pytest.fixture
def catalogue() -> None:
    world.catalogue(60)
    world.build()


def get_status(response: str) -> str:
    return response.partition("\r\n")[0].removeprefix("HTTP/1.1 ")


class TestClients:
    def test_half_bodies_block_nobody_and_are_a_408(self, web: Web, catalogue: None) -> None:
        with open_connections(web.address, 64) as clients:
            for client in clients:
                client.send(HALF_BODY)
            assert len(web.feed("ama")["feed"]) == 10
            for client in clients:
                response = client.receive()
                assert get_status(response) == "408 Request Timeout"
                assert '"code":"request_timeout"' in response + client.receive()

    def test_many_idle_connections_lock_nobody_out_and_are_closed(self, web: Web, catalogue: None) -> None:
        with open_connections(web.address, 1_200) as clients:
            with httpx.Client(base_url=web.address, timeout=10) as new:
                assert new.get("/health").status_code == 200
            assert len(web.feed("ama")["feed"]) == 10
            assert clients[-1].wait_until_closed() < 20

    def test_the_number_of_connections_is_bounded(self, started: Processes) -> None:
        web = started.web(WEB_CONNECTIONS="100", WEB_IDLE_SECONDS="2")
        with open_connections(web.address, 200), httpx.Client(base_url=web.address, timeout=30) as new:
            assert new.get("/health").status_code == 200  # when the first idle ones have been closed

    def test_a_slow_header_is_cut_off(self, web: Web) -> None:
        with open_connections(web.address, 1) as (client,):
            client.send("GET /health HTTP/1.1\nHost: 127.0.0.1\nX-Slow: ")
            assert client.wait_until_closed() < 20

    def test_a_client_may_keep_its_connection_and_send_its_body_in_chunks(
        self, web: Web, catalogue: None
    ) -> None:
        chunked = HALF_BODY.replace("Content-Length: 100", "Transfer-Encoding: chunked").partition("\n\n")[0]
        with open_connections(web.address, 1) as (client,):
            for _ in range(2):
                client.send(f'{chunked}\n\nd\n{{"events": []\n1\n}}\n0\n\n')
                assert get_status(client.receive()) == "401 Unauthorized"
            client.send(f"{chunked}\n\nno number\n")
            assert get_status(client.receive()) == "400 Bad Request"

    def test_a_client_may_wait_for_the_permission_to_send_its_body(self, web: Web) -> None:
        with open_connections(web.address, 1) as (client,):
            client.send(HALF_BODY.replace("\n\n", "\nExpect: 100-continue\n\n").partition("{")[0])
            assert get_status(client.receive()) == "100 Continue"

    def test_a_large_body_is_refused_before_it_is_sent(self, web: Web) -> None:
        with open_connections(web.address, 1) as (client,):
            client.send(HALF_BODY.replace("Content-Length: 100", "Content-Length: 10000000"))
            assert get_status(client.receive()) == "413 Payload Too Large"

    @pytest.mark.parametrize("path", ["/health", "/health/ready"])
    def test_health_takes_no_body_and_no_csrf_check(self, web: Web, path: str) -> None:
        response = httpx.post(web.address + path, content=b"x" * 1_000)
        assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
        with open_connections(web.address, 1) as (client,):
            client.send(f"GET {path} HTTP/1.1\nHost: 127.0.0.1\nContent-Length: 10\n\nabc")
            assert get_status(client.receive())[:3] in {"200", "413"}

    def test_a_head_request_gets_the_headers_of_a_get(self, web: Web) -> None:
        for path in ("/health", "/api/v1/feed"):
            head, get = httpx.head(web.address + path), httpx.get(web.address + path)
            assert (head.status_code, head.content) == (get.status_code, b"")
            assert head.headers["Content-Length"] == get.headers["Content-Length"]

    def test_static_files_are_served(self, started: Processes) -> None:
        web = started.web(DEBUG="true")
        url = f"{web.address}/static/admin/css/base.css"
        whole, part = httpx.get(url), httpx.get(url, headers={"Range": "bytes=0-9"})
        assert (whole.status_code, whole.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
        assert len(whole.content) == int(whole.headers["Content-Length"]) > 10_000
        assert (part.status_code, part.content) == (206, whole.content[:10])
        assert httpx.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
