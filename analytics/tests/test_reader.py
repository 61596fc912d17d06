"""Test how readers read the streams: trimming, lost streams, and shards of former configurations."""

import time
from typing import Any, cast

import pytest

from analytics import keys, stream
from analytics.models import Checkpoint
from analytics.services import reader
from analytics.tests.events import (
    count_all,
    get_event_counts,
    get_stream_length,
    make_body,
    post_events,
    send_events,
)
from analytics.types import COUNTS_READER, HISTORY_READER
from content.tests.factories import ItemFactory
from core.redis.client import state_redis

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def films() -> None:
    for name in ("heat", "ran", "alien"):
        ItemFactory.create(id=name)


def read_as_history_reader() -> None:
    """Read all events with the other reader, so that the streams can be trimmed."""
    for shard in reader.get_shards_with_backlog(HISTORY_READER):
        while (batch := reader.read_batch(HISTORY_READER, shard, now=time.time())) is not None:
            reader.advance_checkpoint(batch, now=time.time())
            reader.trim_read_entries(shard)


def test_a_stream_is_trimmed_up_to_the_slowest_reader() -> None:
    send_events("ama", make_body("heat"), make_body("ran"))
    count_all()
    assert get_stream_length() == 2
    read_as_history_reader()
    assert get_stream_length() == 0


def test_an_emptied_redis_is_detected_and_logged_and_counting_continues(caplog: Any) -> None:
    send_events("ama", make_body("heat"))
    count_all()
    state_redis().flushall()
    send_events("ama", make_body("ran"))
    count_all()
    assert get_event_counts() == {("heat", "view"): 1, ("ran", "view"): 1}
    assert Checkpoint.objects.get(reader="counts", events=2).stream_resets == 1
    assert "Redis lost unread events" in caplog.text


def test_a_lost_stream_is_detected_without_new_events(caplog: Any) -> None:
    send_events("ama", make_body("heat"))
    count_all()
    state_redis().flushall()
    count_all()
    count_all()
    assert caplog.text.count("Redis lost unread events") == 1


def test_a_stream_that_was_cut_short_is_not_counted_again() -> None:
    """Redis restarted without its last second of writes. All entries that are left were read before."""
    send_events("ama", make_body("heat"))
    client = cast("Any", state_redis())
    shard = stream.get_shard("ama")
    name = keys.EVENTS.name(shard=shard)
    dump = client.dump(name)
    send_events("ama", make_body("ran"))
    count_all()
    client.restore(name, 0, dump, replace=True)
    count_all()
    send_events("ama", make_body("alien"))
    count_all()
    assert get_event_counts() == {("heat", "view"): 1, ("ran", "view"): 1, ("alien", "view"): 1}
    assert Checkpoint.objects.get(reader="counts", shard=shard).stream_resets == 1


def test_a_counted_backlog_leaves_room_for_new_events(settings: Any) -> None:
    settings.ANALYTICS_SHARDS, settings.ANALYTICS_STREAM_EVENTS = 1, 2
    send_events("ama", make_body("heat"), make_body("ran"))
    assert post_events("ama", make_body("alien")).status_code == 503
    count_all()
    read_as_history_reader()
    assert send_events("ama", make_body("alien"))["accepted"] == 1


def test_the_backlog_of_former_shards_is_found(settings: Any) -> None:
    settings.ANALYTICS_SHARDS = 64
    send_events("ama", make_body("heat"))
    settings.ANALYTICS_SHARDS = 1
    assert len(reader.get_shards_with_backlog(COUNTS_READER)) == 1
    assert list(stream.get_lengths()) == reader.get_shards_with_backlog(COUNTS_READER)
