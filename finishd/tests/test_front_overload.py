"""The server front under load: more requests than threads, while Redis does not reply and so the threads are busy."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_token
from finishd.testing.processes import Processes, Web, processes

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

# PATIENT has room for eight requests that wait: two events, four first pages, eight next pages.
SMALL = {"WEB_THREADS": "1", "REDIS_TIMEOUT": "60"}
PATIENT = {**SMALL, "WEB_QUEUE": "8", "PAGE_DEADLINE": "60", "REQUEST_DEADLINE": "60"}
FEED, NEXT = "/api/v1/feed", "/api/v1/feed?cursor=abc"
EVENTS = "/api/v1/analytics/event"


class Phones:
    """Clients that send requests at the same time."""

    def __init__(self, pool: ThreadPoolExecutor, client: httpx.Client) -> None:
        self._pool, self._client = pool, client

    def send(self, path: str, number: int = 1) -> "list[Future[httpx.Response]]":
        """Send equal requests, each on a connection of its own. Events are an empty batch."""
        return [self._pool.submit(self._call, path) for _ in range(number)]

    def send_and_count_rejected(self, path: str, number: int, *, expected: int) -> list[httpx.Response]:
        """Send requests and return those that are rejected at once. Assert that `expected` are, or more."""
        futures = self.send(path, number)
        deadline = time.monotonic() + 20
        while len(done := [future for future in futures if future.done()]) < expected:
            assert time.monotonic() < deadline, len(done)
            time.sleep(0.02)
        return [future.result() for future in done]

    def _call(self, path: str) -> httpx.Response:
        body: Any = {"events": []} if path == EVENTS else None
        return self._client.request("POST" if body else "GET", path, json=body)


@contextmanager
def make_phones(web: Web) -> Iterator[Phones]:
    headers = {"Authorization": f"Bearer {get_token('ama')}"}
    with (
        ThreadPoolExecutor(64) as pool,
        httpx.Client(base_url=web.address, headers=headers, timeout=60) as client,
    ):
        yield Phones(pool, client)


@pytest.fixture(scope="module")
def started(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with processes(tmp_path_factory.mktemp("front")) as started:
        yield started


@pytest.fixture
def paused_redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """Redis, which a test pauses. It runs again afterwards."""
    world.catalogue(60)
    world.build()
    yield redis_server
    redis_server.resume()


def assert_overloaded(responses: list[httpx.Response], *, retry_after: str) -> None:
    for response in responses:
        assert (response.status_code, response.headers["Retry-After"]) == (503, retry_after)
        assert (response.json()["code"], response.json()["statusCode"]) == ("overloaded", 503)
        assert response.headers["X-Request-ID"]


def test_events_are_rejected_first_then_first_pages_and_next_pages_last(
    started: Processes, paused_redis: RedisServer
) -> None:
    web = started.web(**PATIENT)
    web.feed("ama")  # opens the connections
    with make_phones(web) as phones:
        paused_redis.pause()
        running = phones.send(FEED)
        # At least so many are rejected: an event may have taken the thread before the page.
        assert_overloaded(phones.send_and_count_rejected(EVENTS, 10, expected=7), retry_after="10")
        assert_overloaded(phones.send_and_count_rejected(FEED, 10, expected=8), retry_after="2")
        assert_overloaded(phones.send_and_count_rejected(NEXT, 10, expected=6), retry_after="1")
        # Other lanes: liveness needs no thread, staff and searches have threads of their own.
        search = phones.send("/api/v1/search?q=film")
        for path, status in (("/health", 200), ("/", 302)):
            started_at = time.monotonic()
            assert httpx.get(web.address + path, timeout=10).status_code == status
            assert time.monotonic() - started_at < 10  # a busy machine; the API's requests wait for 30 s
        paused_redis.resume()
        assert [future.result().status_code for future in (*running, *search)] == [200, 200]


def test_no_answer_comes_later_than_its_deadline(started: Processes, paused_redis: RedisServer) -> None:
    web = started.web(**SMALL, WEB_QUEUE="64", PAGE_DEADLINE="2", PAGE_BUDGET="1")
    web.feed("ama")
    with make_phones(web) as phones:
        paused_redis.pause()
        for future in phones.send(FEED, 30):
            assert future.result().status_code == 503
            # A tenth of a second is the front's. The rest is for 30 clients in one process on a busy machine.
            assert future.result().elapsed.total_seconds() < 2 + 1.5


def test_a_stop_answers_running_and_waiting_requests(started: Processes, paused_redis: RedisServer) -> None:
    web = started.web(**PATIENT)
    server = started.last
    web.feed("ama")
    with make_phones(web) as phones:
        paused_redis.pause()
        requests = phones.send(FEED, 4)
        time.sleep(0.5)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        paused_redis.resume()
        assert [future.result().status_code for future in requests] == [200] * 4
    assert server.wait(30) == 0
