"""From the stream to counts: each event once, in its hour, whatever is repeated."""

import random
import time
from collections import Counter
from typing import Any, cast
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import keys, stream
from analytics.models import Checkpoint, Count
from analytics.services import counter, dead_letters, reader
from analytics.services.reader import CheckpointMoved
from analytics.tests.events import counts, drain_all, event, send, taken, waiting
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips, state_redis
from core.units import HOUR

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def films() -> None:
    for name in ("heat", "ran", "alien"):
        ItemFactory.create(id=name)


def read_as_people() -> None:
    """The other reader, so that the streams can be trimmed."""
    for shard in reader.get_shards_with_backlog("history"):
        while (batch := reader.read_batch("history", shard, now=time.time())) is not None:
            reader.advance_checkpoint(batch, now=time.time())
            reader.trim_read_entries(shard)


def test_events_are_counted_by_item_kind_and_hour_with_the_seconds_watched() -> None:
    now = time.time()
    taken("ama", event("heat", at=now, durationWatched=10), event("heat", "like", at=now))
    taken("kofi", event("heat", at=now - HOUR, durationWatched=5), event("ran", "share", at=now))
    drain_all()
    assert counts() == {
        ("heat", "view"): (2, 1, 15),  # Ama's vote is her like
        ("heat", "like"): (1, 1, 0),
        ("ran", "share"): (1, 1, 0),
    }
    hours = Count.objects.filter(period="hour", item="heat", kind="view").exclude(events=0)
    this_hour = int(now) - int(now) % HOUR
    assert sorted(hours.values_list("period_start", flat=True)) == [this_hour - HOUR, this_hour]
    assert counts("total")["heat", "view"] == (2, 0, 15)


def test_a_time_ahead_of_the_clock_counts_as_now_and_its_retry_counts_once() -> None:
    ahead = event(at=time.time() + 7 * HOUR)
    taken("ama", ahead)
    taken("ama", ahead)
    drain_all()
    [row] = Count.objects.filter(period="hour")
    assert (row.events, row.period_start <= time.time()) == (1, True)


@pytest.mark.parametrize("more", [{}, {"eventId": "e-1"}])
def test_what_a_phone_sends_again_counts_once(more: dict[str, Any]) -> None:
    batch = [event("heat", **more), event("ran")]
    taken("ama", *batch)
    drain_all()
    taken("ama", *batch, *batch)
    drain_all()
    assert {cell: sums[0] for cell, sums in counts().items()} == {("heat", "view"): 1, ("ran", "view"): 1}
    assert sum(Checkpoint.objects.filter(reader="counts").values_list("duplicates", flat=True)) == 4


def test_one_event_id_is_one_event_whatever_else_it_says_but_not_another_viewers() -> None:
    taken("ama", event("heat", eventId="e-1"), event("ran", "like", eventId="e-1"))
    taken("kofi", event("heat", eventId="e-1"))
    drain_all()
    assert {cell: sums[0] for cell, sums in counts().items()} == {("heat", "view"): 2}


def test_a_retry_counts_once_although_the_number_of_shards_was_changed_in_between(settings: Any) -> None:
    batches = {f"viewer-{n}": [event("heat", at=time.time() - n)] for n in range(20)}
    settings.ANALYTICS_SHARDS = 3
    for viewer, batch in batches.items():
        taken(viewer, *batch)
    settings.ANALYTICS_SHARDS = 1  # shards 1 and 2 get nothing new, and are drained all the same
    for viewer, batch in batches.items():
        taken(viewer, *batch)
    drain_all()
    assert counts()["heat", "view"][0] == 20
    assert set(Checkpoint.objects.values_list("shard", flat=True)) == {0, 1, 2}


class TestVotes:
    def test_a_viewer_has_one_vote_for_an_item_in_an_hour_for_the_strongest_thing_they_did(self) -> None:
        for kind in ("view", "complete", "like", "view", "save"):
            taken("ama", event("heat", kind, at=time.time() - random.random() * 60))
            drain_all()
        taken("kofi", event("heat"))
        drain_all()
        votes = {kind: sums[1] for (_, kind), sums in counts().items()}
        assert votes == {"view": 1, "complete": 0, "like": 1, "save": 0}

    def test_a_hundred_likes_of_one_viewer_are_a_hundred_events_and_one_vote(self) -> None:
        now = time.time()
        taken("ama", *(event("heat", "like", at=now - HOUR * n / 10) for n in range(100)))
        drain_all()
        assert counts()["heat", "like"][:2] == (100, 1)

    def test_what_comes_a_day_late_is_counted_and_has_no_vote(self) -> None:
        taken("ama", event("heat", "like", at=time.time() - 25 * HOUR))
        drain_all()
        assert counts()["heat", "like"][:2] == (1, 0)


class TestOnce:
    def test_a_drain_that_dies_before_its_commit_counts_nothing_and_the_next_one_all(self) -> None:
        taken("ama", event("heat"), event("heat", "like"))
        [shard] = reader.get_shards_with_backlog("counts")
        with (
            mock.patch("analytics.count_writer.add_counts", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            counter.count_batch(shard, now=time.time())
        assert counts() == {}
        drain_all()
        assert counts() == {("heat", "view"): (1, 0, 0), ("heat", "like"): (1, 1, 0)}

    def test_of_two_drains_of_a_shard_one_wins_and_nothing_is_doubled(self) -> None:
        taken("ama", event("heat"))
        [shard] = reader.get_shards_with_backlog("counts")
        put_aside = dead_letters.find_uncountable

        def first_another(batch: reader.Batch, known: Any) -> Any:
            """Before this drain commits, another one counts the same batch."""
            with mock.patch("analytics.services.dead_letters.find_uncountable", put_aside):
                counter.count_batch(shard, now=time.time())
            return put_aside(batch, known)

        with (
            mock.patch("analytics.services.dead_letters.find_uncountable", first_another),
            pytest.raises(CheckpointMoved),
        ):
            counter.count_batch(shard, now=time.time())
        assert counts()["heat", "view"] == (1, 1, 0)

    def test_any_split_repetition_and_order_gives_the_same_counts(self, settings: Any) -> None:
        settings.ANALYTICS_SHARDS = 2
        rng = random.Random(7)
        now = time.time()
        events = [
            (
                f"viewer-{rng.randrange(5)}",
                event(rng.choice(["heat", "ran"]), rng.choice(["view", "like"]), at=now - n),
            )
            for n in range(60)
        ]
        wanted = Counter((body["itemId"], body["eventType"]) for _, body in events)
        sent = events + rng.sample(events, 20)
        rng.shuffle(sent)
        while sent:
            viewer = sent[0][0]
            taken(viewer, *(body for who, body in sent[:9] if who == viewer))
            sent = [pair for place, pair in enumerate(sent) if place >= 9 or pair[0] != viewer]
            if rng.random() < 0.4:
                for shard in reader.get_shards_with_backlog("counts"):
                    counter.count_batch(shard, now=now, count=rng.randrange(1, 8))
        drain_all()
        assert {cell: sums[0] for cell, sums in counts().items()} == dict(wanted)


class TestTheStream:
    def test_it_is_trimmed_below_the_slowest_reader(self) -> None:
        taken("ama", event("heat"), event("ran"))
        drain_all()
        assert waiting() == 2
        read_as_people()
        assert waiting() == 0

    def test_an_emptied_redis_is_noticed_reported_and_counting_goes_on(self, caplog: Any) -> None:
        taken("ama", event("heat"))
        drain_all()
        state_redis().flushall()
        taken("ama", event("ran"))
        drain_all()
        assert {cell: sums[0] for cell, sums in counts().items()} == {("heat", "view"): 1, ("ran", "view"): 1}
        assert Checkpoint.objects.get(reader="counts", events=2).stream_resets == 1
        assert "Redis lost unread events" in caplog.text

    def test_a_stream_that_vanished_is_noticed_although_nothing_new_came(self, caplog: Any) -> None:
        taken("ama", event("heat"))
        drain_all()
        state_redis().flushall()
        drain_all()
        drain_all()
        assert caplog.text.count("Redis lost unread events") == 1

    def test_a_stream_cut_short_is_not_counted_again(self) -> None:
        """Redis came back without its last second: what is left of the stream was read."""
        taken("ama", event("heat"))
        client = cast("Any", state_redis())
        shard = stream.get_shard("ama")
        name = keys.EVENTS.name(shard=shard)
        kept = client.dump(name)
        taken("ama", event("ran"))
        drain_all()
        client.restore(name, 0, kept, replace=True)
        drain_all()
        taken("ama", event("alien"))
        drain_all()
        assert {item: sums[0] for (item, _), sums in counts().items()} == {"heat": 1, "ran": 1, "alien": 1}
        assert Checkpoint.objects.get(reader="counts", shard=shard).stream_resets == 1


@pytest.mark.parametrize("number", [1, 400])
def test_a_batch_costs_the_same_for_one_event_as_for_hundreds(number: int) -> None:
    taken("warm", event())
    drain_all()
    taken("warm", event("ran"), *(event("heat", at=time.time() - n) for n in range(number - 1)))
    [shard] = reader.get_shards_with_backlog("counts")
    with count_round_trips() as waits, CaptureQueriesContext(connection) as queries:
        counter.count_batch(shard, now=time.time())
    # The stream; marks of events; marks of votes; each with its script's name; trimming comes when all have read.
    assert len(waits) == 5, waits
    statements = [query["sql"].split()[0] for query in queries]
    # Checkpoint, known items, advance, counts, checkpoints of all readers; and what begins and ends a transaction.
    assert [s for s in statements if s not in {"BEGIN", "COMMIT"}] == [
        "SELECT",
        "SELECT",
        "UPDATE",
        "INSERT",
        "SELECT",
    ]


def test_a_full_drain_leaves_room_again(settings: Any) -> None:
    settings.ANALYTICS_SHARDS, settings.ANALYTICS_STREAM_EVENTS = 1, 2
    taken("ama", event("heat"), event("ran"))
    assert send("ama", event("alien")).status_code == 503
    drain_all()
    read_as_people()
    assert taken("ama", event("alien"))["accepted"] == 1


def test_shards_of_before_are_known_by_their_streams(settings: Any) -> None:
    settings.ANALYTICS_SHARDS = 64
    taken("ama", event("heat"))
    settings.ANALYTICS_SHARDS = 1
    assert len(reader.get_shards_with_backlog("counts")) == 1
    assert list(stream.get_lengths()) == reader.get_shards_with_backlog("counts")
