"""Redis lost the end of its event streams: what is left and what is new is counted once, and the loss is reported."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from redis import Redis

from activity import tasks
from activity.services import flushing
from activity.store import get_store
from analytics import acknowledged, keys, metrics, stream
from analytics.models import Checkpoint
from analytics.tests.events import count_all, get_event_counts, make_body, send_events
from analytics.types import parse_entry_id
from content.tests.factories import ItemFactory
from core.redis.client import state_redis
from finishd.testing.redis_losses import LossyRedis, lossy_redis

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

DEADLINE_SECONDS = 20.0
FAR_AHEAD_MS = 600_000


@pytest.fixture(params=["truncated append-only file", "promoted replica"])
def redis(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[LossyRedis]:
    """The Redis server of the application. It can lose its last writes."""
    with lossy_redis(request.param, tmp_path) as server:
        settings.REDIS_URL = settings.CACHE_URL = server.url
        settings.CACHES = {name: {**cache, "LOCATION": server.url} for name, cache in settings.CACHES.items()}
        settings.ANALYTICS_SHARDS = 1
        for name in ("heat", "ran", "alien", "fargo"):
            ItemFactory.create(id=name)
        acknowledged._servers.clear()
        acknowledged._requests.clear()
        yield server
        caches.close_all()


def view(*names: str) -> None:
    """Report that the viewer watched each item to its end."""
    send_events("ama", *(make_body(name, "complete") for name in names))


def read_history() -> None:
    tasks.read_shard_history.apply(args=(0,), throw=True)


def lose(redis: LossyRedis) -> None:
    """Lose the last writes, and wait until the server answers."""
    redis.lose()
    deadline = time.monotonic() + DEADLINE_SECONDS
    with Redis.from_url(redis.url) as client:
        while not client.ping():
            assert time.monotonic() < deadline
    state_redis().connection_pool.disconnect()


def get_counted() -> set[str]:
    counts = get_event_counts()
    assert set(counts.values()) <= {1}
    return {item for item, _ in counts}


def get_lost() -> float:
    return float(metrics.EVENTS_LOST._value.get())


def set_clock_ahead() -> None:
    """Append an entry as a server whose clock is ahead would: later servers give lower ids to new entries."""
    name = keys.EVENTS.name(shard=0)
    client: Any = state_redis()
    entry_id, fields = client.xrevrange(name, count=1)[0]
    milliseconds, _ = parse_entry_id(entry_id.decode())
    client.xadd(name, fields, id=f"{milliseconds + FAR_AHEAD_MS}-0")


def test_lost_events_are_counted_in_a_metric_and_logged(
    redis: LossyRedis, caplog: pytest.LogCaptureFixture
) -> None:
    before = get_lost()
    view("heat")
    redis.keep()
    view("ran", "alien")
    lose(redis)
    with caplog.at_level(logging.WARNING):
        view("fargo")
    assert get_lost() == before + 2
    assert "the stream lost 2 events" in caplog.text
    count_all()
    assert get_counted() == {"heat", "fargo"}


def test_a_restart_that_loses_nothing_counts_nothing_as_lost(
    redis: LossyRedis, caplog: pytest.LogCaptureFixture
) -> None:
    before = get_lost()
    view("heat", "ran")
    count_all()
    redis.keep()
    lose(redis)
    view("alien")
    count_all()
    assert get_lost() == before
    assert get_counted() == {"heat", "ran", "alien"}
    assert not Checkpoint.objects.exclude(stream_resets=0).exists()
    assert "lost" not in caplog.text


def test_new_events_are_counted_although_the_stream_has_grown_again_before_a_reader_looked(
    redis: LossyRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """The reader was ahead of what is left. As many entries as were lost are appended before it reads again."""
    view("heat")
    count_all()
    redis.keep()
    view("ran")
    count_all()
    lose(redis)
    view("alien")
    count_all()
    assert get_counted() == {"heat", "ran", "alien"}
    assert Checkpoint.objects.get(reader="counts").stream_resets == 1
    assert "Redis lost unread events" in caplog.text


def test_new_events_are_counted_although_the_new_servers_clock_is_behind(redis: LossyRedis) -> None:
    """The entries of the new server have ids below the position of the readers."""
    view("heat")
    redis.keep()
    set_clock_ahead()
    count_all()
    read_history()
    lose(redis)
    view("ran", "alien")
    count_all()
    assert get_counted() >= {"ran", "alien"}
    read_history()
    flushing.flush(now=time.time() + 3_600, until=float("inf"))
    assert set(get_store().get_seen("ama")) >= {"ran", "alien"}


@pytest.mark.parametrize("redis", ["truncated append-only file"], indirect=True)
def test_two_losses_in_a_row_are_noticed(redis: LossyRedis) -> None:
    view("heat")
    redis.keep()
    set_clock_ahead()
    count_all()
    lose(redis)
    view("ran")
    redis.keep()
    lose(redis)
    view("alien")
    count_all()
    assert get_counted() >= {"ran", "alien"}
    assert len(stream.read(0, after=stream.STREAM_START, count=1).state.servers) == 3
