"""Test that erasures delete dead letters and wait for unread events."""

import math
import time
from contextlib import nullcontext
from unittest.mock import patch

import orjson
import pytest
from django.utils import timezone

from analytics import keys as analytics_keys
from analytics import stream
from analytics.models import DeadLetter
from analytics.services import privacy as analytics_privacy
from analytics.services import reader
from analytics.tests.events import count_all, make_body, send_events
from analytics.types import HISTORY_READER
from core.redis.client import state_redis
from finishd.privacy import erasures
from finishd.privacy import services as privacy
from finishd.privacy.tests.people import UNUSUAL_UIDS, erase

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


class TestEvents:
    def test_unread_events_are_counted_and_dead_letters_are_deleted(self) -> None:
        send_uncountable("ama", "made-up")
        send_uncountable("kofi", "made-up")
        append_unreadable("ama")
        send_events("ama", make_body("heat"))
        assert privacy.find_references("ama") == {
            "redis: events:{<shard>}": 1,
            "sql: analytics.deadletter.viewer": 1,
            "sql: analytics.deadletter.payload": 2,
        }
        (document,) = [entry for name, entry in analytics_privacy.export("ama") if name == "dead_letters"]
        assert (document["item"], document["reason"]) == ("made-up", "unknown_item")
        erase("ama")
        assert privacy.find_references("ama") == {"redis: events:{<shard>}": 1}
        assert DeadLetter.objects.get().viewer == "kofi"
        read_by_all()  # as workers do within seconds; it creates another dead letter
        erase("ama")
        assert privacy.find_references("ama") == {}
        assert DeadLetter.objects.get().viewer == "kofi"

    def test_an_erasure_waits_for_unread_events(self) -> None:
        send_events("ama", make_body("heat"))
        now = timezone.now()
        request = erasures.request_erasure("ama", now=now)
        assert erasures.run_erasure(request.pk, now=now, until=math.inf)
        request.refresh_from_db()
        assert (request.erased_at, request.remaining) == (None, {"redis: events:{<shard>}": 1})

    def test_read_entries_that_were_not_trimmed_are_deleted(self) -> None:
        send_events("ama", make_body("heat"))
        read_by_all(trim=False)
        assert privacy.find_references("ama")["redis: events:{<shard>}"] == 1
        erase("ama")
        assert privacy.find_references("ama") == {}

    @pytest.mark.parametrize("uid", UNUSUAL_UIDS)
    def test_dead_letters_of_unusual_uids_are_deleted_and_others_are_kept(self, uid: str) -> None:
        send_uncountable("ama", "drama")
        send_uncountable(uid, "made-up")
        append_unreadable(uid)
        erase(uid)
        assert privacy.find_references(uid) == {}
        # `drama` is also the item of ama's dead letter.
        assert DeadLetter.objects.filter(viewer="ama").exists() == (uid != "drama")


def send_uncountable(uid: str, item: str) -> None:
    """Send an event on an unknown item, which becomes a dead letter."""
    send_events(uid, make_body(item))
    read_by_all()


def append_unreadable(uid: str) -> None:
    """Append an unreadable entry that names a person."""
    state_redis().xadd(analytics_keys.EVENTS.name(shard=stream.get_shard(uid)), {"9": orjson.dumps([7, uid])})
    read_by_all()


def read_by_all(*, trim: bool = True) -> None:
    """Read all events as the readers' tasks do. Without `trim`, stop before the last step."""
    now = time.time()
    with nullcontext() if trim else patch("analytics.stream.trim"):
        count_all()
        for shard in reader.get_shards_with_backlog(HISTORY_READER):
            while (batch := reader.read_batch(HISTORY_READER, shard, now=now)) is not None:
                reader.advance_checkpoint(batch, now=now)
                reader.trim_read_entries(shard)
