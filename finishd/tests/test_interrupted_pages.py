"""Pages and events while Redis's replies end in the middle. Nobody gets what Redis sent for another viewer."""

import random
from collections.abc import Iterator
from typing import Any, Final

import pytest

from analytics import stream
from analytics.tests.events import make_body, post_events
from core.redis import client as redis_client
from core.redis.client import state_redis
from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import Json, get_client, get_feed
from finishd.testing.interruptions import Action
from finishd.testing.proxy import Proxy

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

# Viewers, and the films that the person they follow has liked. No film is in both ranges.
LIKED: Final = {"ama": range(10, 20), "mei": range(30, 40)}
ROUNDS: Final = 30


@pytest.fixture
def proxy(redis_server: RedisServer, settings: Any) -> Iterator[Proxy]:
    """A proxy that the clients of this process use."""
    proxy = Proxy(f"127.0.0.1:{redis_server.port}")
    url = f"redis://{proxy.host}/0"
    settings.CACHES = {name: {**cache, "LOCATION": url} for name, cache in settings.CACHES.items()}
    yield proxy
    state_redis().connection_pool.disconnect()
    proxy.close()


def is_served(response: Any) -> bool:
    """Return whether the response is 200. Assert that any other one is a 503 with `Retry-After`."""
    if response.status_code == 200:
        return True
    assert (response.status_code, response.json()["code"]) == (503, "unavailable"), response.content
    assert int(response.headers["Retry-After"]) > 0
    return False


def get_titles(page: Json) -> set[str]:
    return {item["id"] for item in page["feed"]}


@pytest.mark.parametrize("action", ["cut", "reset", "half-close", "half-close-server"])
def test_pages_contain_only_the_viewers_items_and_acknowledged_events_are_stored(
    proxy: Proxy, action: Action
) -> None:
    world.catalogue(60)
    world.build()
    for viewer, films in LIKED.items():
        world.befriend(viewer, films, author=f"friend-of-{viewer}")
    expected = {viewer: get_titles(get_feed(viewer, feed_type="following")) for viewer in LIKED}
    numbers, pages, events = random.Random(29), 0, 0
    with proxy.interrupt(action, lambda: numbers.randrange(60_000)) as interruption:
        for _ in range(ROUNDS):
            for viewer in LIKED:
                redis_client._circuit_breakers.clear()
                response = get_client(viewer).get("/api/v1/feed", {"feed_type": "following"})
                if is_served(response):
                    pages += 1
                    assert get_titles(response.json()) == expected[viewer]
                events += is_served(post_events(viewer, make_body("film-0001")))
    assert interruption.count > 5
    assert 0 < pages < ROUNDS * len(LIKED)
    assert events <= sum(stream.get_lengths().values()) <= ROUNDS * len(LIKED)
    for viewer in LIKED:
        redis_client._circuit_breakers.clear()
        assert get_titles(get_feed(viewer, feed_type="following")) == expected[viewer]
