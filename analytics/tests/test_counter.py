"""Test that events are counted once, in the hour in which they happened."""

import random
import time
from collections import Counter
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.models import Checkpoint, Count
from analytics.services import counter, dead_letters, reader
from analytics.services.reader import CheckpointMoved
from analytics.tests.events import (
    append_events_at,
    count_all,
    get_counts,
    get_event_counts,
    make_body,
    send_events,
)
from analytics.types import COUNTS_READER
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips
from core.units import HOUR

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

THIS_HOUR = 1_795_000_000 - 1_795_000_000 % HOUR
NOW = float(THIS_HOUR + HOUR // 2)


@pytest.fixture(autouse=True)
def films() -> None:
    for name in ("heat", "ran", "alien"):
        ItemFactory.create(id=name)


def test_events_are_counted_by_item_and_kind_and_hour_with_seconds_watched() -> None:
    append_events_at(
        "ama", make_body("heat", at=NOW, durationWatched=10), make_body("heat", "like", at=NOW), at=NOW
    )
    append_events_at(
        "kofi",
        make_body("heat", at=NOW - HOUR, durationWatched=5),
        make_body("ran", "share", at=NOW),
        at=NOW,
    )
    count_all(now=NOW)
    assert get_counts() == {
        ("heat", "view"): (2, 1, 15),  # Ama's vote is her like.
        ("heat", "like"): (1, 1, 0),
        ("ran", "share"): (1, 1, 0),
    }
    hours = Count.objects.filter(period="hour", item="heat", kind="view").exclude(events=0)
    assert sorted(hours.values_list("period_start", flat=True)) == [THIS_HOUR - HOUR, THIS_HOUR]
    assert get_counts("total")["heat", "view"] == (2, 0, 15)


def test_a_timestamp_ahead_of_the_clock_is_taken_as_now_and_a_retry_counts_once() -> None:
    ahead = make_body(at=NOW + 7 * HOUR)
    append_events_at("ama", ahead, at=NOW)
    append_events_at("ama", ahead, at=NOW + 1)
    count_all(now=NOW)
    [row] = Count.objects.filter(period="hour")
    assert (row.events, row.period_start) == (1, THIS_HOUR)


@pytest.mark.parametrize("more", [{}, {"eventId": "e-1"}])
def test_an_event_that_is_sent_again_counts_once(more: dict[str, Any]) -> None:
    batch = [make_body("heat", **more), make_body("ran")]
    send_events("ama", *batch)
    count_all()
    send_events("ama", *batch, *batch)
    count_all()
    assert get_event_counts() == {("heat", "view"): 1, ("ran", "view"): 1}
    assert sum(Checkpoint.objects.filter(reader="counts").values_list("duplicates", flat=True)) == 4


def test_an_event_id_identifies_an_event_of_one_viewer_whatever_its_content() -> None:
    send_events("ama", make_body("heat", eventId="e-1"), make_body("ran", "like", eventId="e-1"))
    send_events("kofi", make_body("heat", eventId="e-1"))
    count_all()
    assert get_event_counts() == {("heat", "view"): 2}


def test_a_retry_counts_once_although_the_number_of_shards_changed(settings: Any) -> None:
    batches = {f"viewer-{n}": [make_body("heat", at=time.time() - n)] for n in range(20)}
    settings.ANALYTICS_SHARDS = 3
    for viewer, batch in batches.items():
        send_events(viewer, *batch)
    settings.ANALYTICS_SHARDS = 1  # Shards 1 and 2 get no new events, but must still be counted.
    for viewer, batch in batches.items():
        send_events(viewer, *batch)
    count_all()
    assert get_counts()["heat", "view"][0] == 20
    assert set(Checkpoint.objects.values_list("shard", flat=True)) == {0, 1, 2}


class TestVotes:
    def test_a_viewer_has_one_vote_for_an_item_in_an_hour_and_it_is_the_strongest_event(self) -> None:
        for seconds, kind in enumerate(("view", "complete", "like", "view", "save")):
            append_events_at("ama", make_body("heat", kind, at=NOW - seconds), at=NOW + seconds)
            count_all(now=NOW)
        append_events_at("kofi", make_body("heat", at=NOW), at=NOW)
        count_all(now=NOW)
        votes = {kind: votes for (_, kind), (_, votes, _) in get_counts().items()}
        assert votes == {"view": 1, "complete": 0, "like": 1, "save": 0}

    def test_a_viewer_has_another_vote_in_the_next_hour_of_arrival(self) -> None:
        for arrived_at in (THIS_HOUR + HOUR - 1, THIS_HOUR + HOUR):
            append_events_at("ama", make_body("heat", "like", at=arrived_at), at=arrived_at)
        count_all(now=NOW)
        assert get_counts()["heat", "like"][:2] == (2, 2)

    def test_a_hundred_likes_of_one_viewer_are_a_hundred_events_and_one_vote(self) -> None:
        likes = (make_body("heat", "like", at=NOW - HOUR * n / 10) for n in range(100))
        append_events_at("ama", *likes, at=NOW)
        count_all(now=NOW)
        assert get_counts()["heat", "like"][:2] == (100, 1)

    def test_an_event_that_arrives_a_day_late_is_counted_without_a_vote(self) -> None:
        append_events_at("ama", make_body("heat", "like", at=NOW - 25 * HOUR), at=NOW)
        count_all(now=NOW)
        assert get_counts()["heat", "like"][:2] == (1, 0)


class TestOnce:
    def test_a_counter_that_dies_before_its_commit_counts_nothing_and_the_next_run_counts_all(self) -> None:
        send_events("ama", make_body("heat"), make_body("heat", "like"))
        [shard] = reader.get_shards_with_backlog(COUNTS_READER)
        with (
            mock.patch("analytics.count_writer.add_counts", side_effect=KeyboardInterrupt),
            pytest.raises(KeyboardInterrupt),
        ):
            counter.count_batch(shard, now=time.time())
        assert get_counts() == {}
        count_all()
        assert get_counts() == {("heat", "view"): (1, 0, 0), ("heat", "like"): (1, 1, 0)}

    def test_if_two_processes_count_the_same_batch_one_of_them_counts_it(self) -> None:
        send_events("ama", make_body("heat"))
        [shard] = reader.get_shards_with_backlog(COUNTS_READER)
        find_uncountable = dead_letters.find_uncountable

        def count_concurrently(batch: reader.Batch, existing_items: Any) -> Any:
            """Before this process commits, let another one count the same batch."""
            with mock.patch("analytics.services.dead_letters.find_uncountable", find_uncountable):
                counter.count_batch(shard, now=time.time())
            return find_uncountable(batch, existing_items)

        with (
            mock.patch("analytics.services.dead_letters.find_uncountable", count_concurrently),
            pytest.raises(CheckpointMoved),
        ):
            counter.count_batch(shard, now=time.time())
        assert get_counts()["heat", "view"] == (1, 1, 0)

    def test_counts_do_not_depend_on_batches_repetition_or_order(self, settings: Any) -> None:
        settings.ANALYTICS_SHARDS = 2
        rng = random.Random(7)
        now = time.time()
        events = [
            (
                f"viewer-{rng.randrange(5)}",
                make_body(rng.choice(["heat", "ran"]), rng.choice(["view", "like"]), at=now - n),
            )
            for n in range(60)
        ]
        expected = Counter((body["itemId"], body["eventType"]) for _, body in events)
        unsent = events + rng.sample(events, 20)
        rng.shuffle(unsent)
        while unsent:
            viewer = unsent[0][0]
            send_events(viewer, *(body for uid, body in unsent[:9] if uid == viewer))
            unsent = [pair for index, pair in enumerate(unsent) if index >= 9 or pair[0] != viewer]
            if rng.random() < 0.4:
                for shard in reader.get_shards_with_backlog(COUNTS_READER):
                    counter.count_batch(shard, now=now, count=rng.randrange(1, 8))
        count_all()
        assert get_event_counts() == dict(expected)


@pytest.mark.parametrize("number", [1, 400])
def test_a_batch_costs_the_same_for_one_event_and_for_hundreds(number: int) -> None:
    send_events("warm", make_body())
    count_all()
    bodies = (make_body("heat", at=time.time() - n) for n in range(number - 1))
    send_events("warm", make_body("ran"), *bodies)
    [shard] = reader.get_shards_with_backlog(COUNTS_READER)
    with count_round_trips() as round_trips, CaptureQueriesContext(connection) as queries:
        counter.count_batch(shard, now=time.time())
    # The stream, dedup keys of events and of votes (with a check for the script each). The stream is not trimmed,
    # because the other reader has not read it.
    assert len(round_trips) == 5, round_trips
    statements = [query["sql"].split()[0] for query in queries]
    # The checkpoint, existing items, the advanced checkpoint, counts, and the checkpoints of all readers.
    assert [s for s in statements if s not in {"BEGIN", "COMMIT"}] == [
        "SELECT",
        "SELECT",
        "UPDATE",
        "INSERT",
        "SELECT",
    ]
