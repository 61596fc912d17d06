"""Several web processes that share one Redis server and one database."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from content.models import Item
from content.services import items
from core.redis.client import state_redis
from feed import keys
from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_item_ids
from finishd.testing.processes import Processes, Web, processes

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def webs(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, Web]]:
    """Two web servers for all tests of this module. They keep no state between tests."""
    with processes(tmp_path_factory.mktemp("webs")) as started:
        yield started.web(), started.web()


def run_concurrently(calls: list[Callable[[], Json]]) -> list[Json]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def walk(webs: tuple[Web, Web], uid: str, **query: Any) -> list[Json]:
    """Read page by page, alternating between the processes."""
    pages = [webs[0].feed(uid, **query)]
    while pages[-1]["meta"]["hasMore"]:
        pages.append(webs[len(pages) % 2].feed(uid, cursor=pages[-1]["meta"]["cursor"], **query))
    return pages


def test_two_processes_serve_one_session(webs: tuple[Web, Web]) -> None:
    everything = world.catalogue(450)
    world.build()
    world.choose("ama", "Drama")
    world.befriend("ama", range(100, 140))
    pages = walk(webs, "ama", limit=40)
    assert Counter(get_item_ids(*pages)) == Counter(everything)
    assert len({page["meta"]["session"] for page in pages}) == 1
    assert not [page for page in pages if page["meta"]["planRebuilt"] or page["meta"]["degraded"]]


@pytest.mark.parametrize("uids", [("ama", "kofi"), pytest.param(tuple("abcdefghij"), marks=pytest.mark.slow)])
def test_concurrent_first_requests_start_one_session(webs: tuple[Web, Web], uids: tuple[str, ...]) -> None:
    world.catalogue(300)
    world.build()
    for uid in uids:
        pages = run_concurrently([partial(webs[n % 2].feed, uid, limit=20) for n in range(10)])
        assert len({page["meta"]["session"] for page in pages}) == 1
        assert all(page["feed"] == pages[0]["feed"] for page in pages)
        assert len(get_item_ids(pages[0])) == 20
        assert len(list(state_redis().scan_iter(match=keys.PLAN.name(viewer=uid, session="*")))) == 1


@pytest.mark.parametrize("times", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_concurrent_extensions_give_one_result(webs: tuple[Web, Web], times: int) -> None:
    everything = world.catalogue(500)
    world.build()
    for _ in range(times):
        pages = [webs[0].feed("ama", limit=100, refresh="true")]
        while pages[-1]["meta"]["hasMore"]:
            cursor = pages[-1]["meta"]["cursor"]
            pages_of_cursor = run_concurrently(
                [partial(webs[n % 2].feed, "ama", limit=100, cursor=cursor) for n in range(8)]
            )
            assert all(page["feed"] == pages_of_cursor[0]["feed"] for page in pages_of_cursor)
            assert not [page for page in pages_of_cursor if page["meta"]["planRebuilt"]]
            pages.append(pages_of_cursor[0])
        assert Counter(get_item_ids(*pages)) == Counter(everything)


def test_an_item_that_one_process_unpublishes_is_shown_by_no_process(webs: tuple[Web, Web]) -> None:
    world.catalogue(100)
    world.build()
    first = webs[0].feed("ama", limit=20)
    unpublished = set(get_item_ids(first)[::4])
    items.set_status(sorted(unpublished), Item.Status.DRAFT, now=world.NOW)
    for web in webs:
        page = web.feed("ama", limit=20)
        assert page["meta"]["session"] == first["meta"]["session"]
        assert not unpublished & set(get_item_ids(page))
        assert len(page["feed"]) == 20


def test_choices_in_one_process_apply_at_once_in_the_other(webs: tuple[Web, Web]) -> None:
    world.catalogue(100)
    world.build()
    before = [web.feed("ama")["meta"]["session"] for web in webs]
    world.choose("ama", "Comedy")
    after = [web.feed("ama")["meta"]["session"] for web in webs]
    assert len(set(before)) == len(set(after)) == 1
    assert before != after


def test_without_redis_every_process_sends_retry_after_and_recovers(
    webs: tuple[Web, Web], redis_server: RedisServer
) -> None:
    world.catalogue(60)
    world.build()
    assert [len(web.feed("ama")["feed"]) for web in webs] == [10, 10]
    redis_server.stop()
    for web in webs:
        for _ in range(8):  # more failures than the circuit breaker's threshold
            assert_unavailable(web)
    redis_server.start()
    deadline = time.monotonic() + 10
    while not all(web.get("/api/v1/feed", "ama").status_code == 200 for web in webs):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # Redis came back empty, so the indexes are missing and the page uses SQL.
    page = webs[0].feed("ama", refresh="true")
    assert page["meta"]["degraded"] == ["indexes"]
    assert len(page["feed"]) == 10


def assert_unavailable(web: Web) -> float:
    """Send a request that gets a 503. Return its duration in seconds."""
    started_at = time.monotonic()
    response = web.get("/api/v1/feed", "ama")
    seconds = time.monotonic() - started_at
    assert seconds < 2
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    body = response.json()
    assert (body["error"], body["statusCode"], body["code"]) == (True, 503, "unavailable")
    assert body["message"]
    return seconds


@pytest.mark.slow
def test_a_hanging_redis_costs_one_timeout_and_then_nothing(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world.catalogue(30)
    world.build()
    with processes(tmp_path_factory.mktemp("hangs")) as started:
        web = started.web(REDIS_TIMEOUT="0.15")
        started.wait_for(lambda: web.get("/api/v1/feed", "ama").status_code == 200)
        redis_server.pause()
        for _ in range(8):
            assert_unavailable(web)
        # The circuit breaker is open, so no request waits for the timeout.
        assert min(assert_unavailable(web) for _ in range(4)) < 0.15
        redis_server.resume()
        started.wait_for(lambda: web.get("/api/v1/feed", "ama").status_code == 200, seconds=10)


@pytest.mark.slow
def test_without_a_broker_feeds_are_served_without_delay(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world.catalogue(60)
    with processes(tmp_path_factory.mktemp("brokerless")) as started:
        web = started.web(CELERY_BROKER_URL="redis://127.0.0.1:1/0")
        assert_degraded_but_full(web, started)


def assert_degraded_but_full(web: Web, started: Processes) -> None:
    for _ in range(3):
        started_at = time.monotonic()
        page = web.feed("ama", limit=20, refresh="true")
        assert time.monotonic() - started_at < 5
        assert len(page["feed"]) == 20, started.output
        assert page["meta"]["degraded"] == ["indexes"]
