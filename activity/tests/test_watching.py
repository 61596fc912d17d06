"""Activity's own reader of the events: what they come to, what reading them costs, and what a crash repeats."""

import random
from collections.abc import Iterator
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask
from hypothesis import given, settings
from hypothesis import strategies as st

from activity import keys, tasks
from activity import watching as fold
from activity.models import PendingHistory
from activity.rules import affinities
from activity.rules import history as history_rules
from activity.rules.person import Person
from activity.services import history, history_reader, pending_history
from activity.types import MAX_SEEN_ITEMS, HistoryDelta
from analytics import stream
from analytics.models import Checkpoint
from analytics.services import reader
from analytics.types import COUNTS_READER, EVENT_KINDS, HISTORY_READER, Event
from content.tests.factories import ItemFactory
from content.types import Facts
from core.redis.client import count_round_trips, state_redis
from core.units import DAY, HOUR
from finishd.celery import app
from finishd.testing.events import append_and_read_events, append_events, make_event
from finishd.testing.people import Clock, Message, Messages

NOW = 1_795_000_000
ITEMS = [f"film-{n}" for n in range(6)]
FACTS = {
    item: Facts(
        item, f"movie:{n}", ("drama", "comedy", "horror", "war")[n % 3 :], 1.0, 5.0, 9, None, 0, 0, False
    )
    for n, item in enumerate(ITEMS[:5])
}  # the last one is not published
NOTHING = Person("ama")


def event(
    item: str,
    kind: Any = "view",
    *,
    at: int = NOW,
    watched: int | None = 5,
    place: int = 1,
    arrived: int = NOW,
) -> Event:
    return Event(f"{arrived}000-{place}", "ama", item, kind, at, watched, b"")


def folded(events: list[Event], *, end_id: str = "1-0") -> HistoryDelta:
    return fold.fold(fold.telling(events), FACTS, stream="s", end_id=end_id).get(
        "ama", HistoryDelta("s", end_id)
    )


class TestFold:
    def test_views_of_two_seconds_completions_and_skips_are_sights(self) -> None:
        events = [
            event("film-0", watched=2),
            event("film-1", watched=1),
            event("film-2", watched=None),
            event("film-3", "complete", watched=None),
            event("film-4", "skip", watched=0),
            event("film-5"),
            *(event("film-2", kind) for kind in ("save", "like", "share")),
        ]
        assert set(folded(events).seen) == {"film-0", "film-3", "film-4", "film-5"}

    @pytest.mark.parametrize(("kind", "amount"), fold.LEARNED.items())
    def test_each_kind_teaches_its_amount_the_first_genre_most(self, kind: Any, amount: float) -> None:
        learned = affinities.get_affinities(
            {"drama": 3.0, "comedy": 3.0, "horror": 3.0}, folded([event("film-0", kind)]).affinity_sums, NOW
        )
        parts = {"drama": amount, "comedy": amount / 2, "horror": amount * 0.33}
        assert learned == {genre: round((3 + part) / (6 + part), 4) for genre, part in parts.items()}
        assert set(fold.LEARNED) == set(EVENT_KINDS)

    def test_a_skip_names_its_title_and_an_unpublished_item_teaches_nothing(self) -> None:
        both = folded([event("film-1", "skip"), event("film-5", "skip")])
        assert both.skipped == {"movie:1": NOW}
        assert both.seen.keys() == {"film-1", "film-5"}
        assert folded([event("film-5", "skip")]).affinity_sums == {}
        assert folded([event("film-5", "like")]) == HistoryDelta("s", "1-0")

    def test_nothing_happens_after_it_was_told(self) -> None:
        late = folded([event("film-0", "skip", at=NOW + 400 * 365 * DAY, arrived=NOW)])
        assert (late.seen, late.skipped, late.affinity_at) == ({"film-0": NOW}, {"movie:0": NOW}, NOW)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.builds(
                event,
                st.sampled_from(ITEMS),
                st.sampled_from(EVENT_KINDS),
                at=st.integers(NOW - 29 * DAY, NOW),
                watched=st.sampled_from([None, 0, 2, 60]),
            ),
            max_size=30,
        ),
        st.randoms(use_true_random=False),
    )
    def test_any_split_order_and_repetition_comes_to_the_same(
        self, events: list[Event], rng: random.Random
    ) -> None:
        whole = history_rules.apply_deltas(NOTHING, [folded(events)])
        shuffled = rng.sample(events, len(events))
        cuts = sorted(rng.choices(range(len(events) + 1), k=3))
        pieces = [shuffled[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]
        slices = [folded(piece, end_id=f"{n}-0") for n, piece in enumerate(pieces, start=9)]
        state, seen = NOTHING, dict[str, int]()
        for delivery in _repeated(slices, rng):
            new = history_rules.select_unapplied(delivery, state.stream_positions)
            state = history_rules.apply_deltas(state, new)
            seen = history_rules.merge_seen((seen, *(s.seen for s in new)))
        assert seen == history_rules.merge_seen([folded(events).seen])
        assert (state.skipped, state.event_affinity_at) == (whole.skipped, whole.event_affinity_at)
        assert state.event_affinity_sums == pytest.approx(whole.event_affinity_sums, rel=1e-9, abs=1e-12)
        assert _affinities(state) == pytest.approx(_affinities(whole), abs=1e-4)


def _repeated(slices: list[HistoryDelta], rng: random.Random) -> Iterator[list[HistoryDelta]]:
    """As flushes bring them: in their order, some together, the last ones again after a kill."""
    done = 0
    while done < len(slices):
        following = min(done + rng.randint(1, 3), len(slices))
        for _ in range(rng.randint(1, 2)):
            again = slices[max(0, done - rng.randint(0, 2)) : following]
            yield rng.sample(again, len(again))
        done = following


def _affinities(state: Person) -> dict[str, float]:
    return affinities.get_affinities(
        {"drama": 1.0, "comedy": 2.0}, state.event_affinity_sums, state.event_affinity_at
    )


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestReading:
    def test_what_a_batch_costs_does_not_depend_on_its_views(self) -> None:
        for number in range(3):
            ItemFactory.create(id=f"film-{number}")
        append_and_read_events(make_event("ama", "film-0", at=NOW))  # scripts and checkpoints are there
        append_events([make_event(f"p{n % 40}", f"film-{n % 3}", at=NOW) for n in range(400)])
        counted = reader.read_batch(COUNTS_READER, 0, now=NOW)
        assert counted is not None
        reader.advance_checkpoint(counted, now=NOW)  # so that there is something to trim
        with count_round_trips() as waits, CaptureQueriesContext(connection) as queries:
            assert not history_reader.read_batch(0, now=NOW)
        sql = [
            q["sql"]
            for q in queries.captured_queries
            if q["sql"] not in ("BEGIN IMMEDIATE", "BEGIN", "COMMIT")
        ]
        # checkpoint read and advanced, one insert for all viewers, checkpoints read for the trim
        assert len(sql) == 4, sql
        # stream, marks (a pipeline and whether it has its script), facts, what was seen for all viewers, trim
        assert len(waits) == 6, waits
        assert PendingHistory.objects.count() == 1 + 40

    def test_views_that_went_by_are_read_and_leave_nothing(self) -> None:
        append_and_read_events(make_event("ama", "film-0", at=NOW, watched=1))
        assert not PendingHistory.objects.exists()
        assert Checkpoint.objects.get(reader=HISTORY_READER, shard=0).entries_read == 1

    def test_a_retried_event_counts_once(self) -> None:
        again = make_event("ama", "film-0", at=NOW)
        append_and_read_events(again, again)
        append_and_read_events(again)
        assert len(pending_history.get_for("ama")) == 1

    def test_an_overtaken_reader_keeps_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process reads the same batch before this one commits."""
        append_events([make_event("ama", "film-0", at=NOW)])
        remember, others = history.cache_recently_seen, [lambda: history_reader.read_batch(0, now=NOW)]

        def overtaken(slices: Any) -> None:
            remember(slices)
            if others:
                others.pop()()

        monkeypatch.setattr(history, "cache_recently_seen", overtaken)
        with pytest.raises(reader.CheckpointMoved):
            history_reader.read_batch(0, now=NOW)
        assert others == []
        assert len(pending_history.get_for("ama")) == 1

    def test_of_readers_at_once_each_batch_has_one(self) -> None:
        append_events([make_event("ama", f"film-{n}", at=NOW + n) for n in range(50)])
        barrier = Barrier(3)

        def read() -> None:
            barrier.wait(timeout=10)
            try:
                tasks.read_shard_history(0)
            finally:
                connections.close_all()

        threads = [Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (waiting,) = pending_history.get_for("ama")
        assert len(waiting.seen) == 50

    def test_one_killed_before_its_commit_begins_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        append_events([make_event("ama", "film-0", at=NOW)])
        with monkeypatch.context() as patch:
            patch.setattr(pending_history, "insert", _die)
            with pytest.raises(KeyboardInterrupt):
                history_reader.read_batch(0, now=NOW)
        assert _fresh("ama") == ["film-0"]  # plans know already
        assert pending_history.get_for("ama") == []
        history_reader.read_batch(0, now=NOW)
        assert len(pending_history.get_for("ama")) == 1

    def test_redis_holds_the_newest_only_and_for_an_hour(self) -> None:
        history.cache_recently_seen(
            {"ama": HistoryDelta("s", "1-0", {f"i{n}": NOW + n for n in range(MAX_SEEN_ITEMS)})}
        )
        history.cache_recently_seen(
            {"ama": HistoryDelta("s", "2-0", {"old": NOW - 1, "new": NOW + MAX_SEEN_ITEMS, "i1": NOW - 5})}
        )
        assert len(_fresh("ama")) == MAX_SEEN_ITEMS
        assert {"new", "i1"} <= set(_fresh("ama"))
        assert not {"old", "i0"} & set(_fresh("ama"))
        assert 0 < state_redis().ttl(keys.RECENTLY_SEEN.name(viewer="ama")) <= HOUR


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestTasks:
    def test_beat_has_each_shard_read_in_which_something_waits(self, messages: Messages) -> None:
        for shard, viewer in ((0, "ama"), (3, "kofi")):
            append_events([make_event(viewer, "film-0", at=NOW)], shard=shard)
        tasks_sent = _run(messages, "read_events")
        assert [message.args for message in tasks_sent] == [(0,), (3,)]
        messages.run_all()
        assert len(pending_history.get_for("ama")) == len(pending_history.get_for("kofi")) == 1
        assert _run(messages, "read_events") == []
        assert stream.get_lengths().keys() == {0, 3}  # the reader that counts has not had them

    def test_a_long_stream_goes_on_in_the_next_message(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "BATCH_SIZE", 2)
        monkeypatch.setattr(reader, "TASK_SLICE_SECONDS", -1.0)
        append_events([make_event("ama", f"film-{n}", at=NOW) for n in range(5)])
        assert len(_run(messages, "read_shard_history", 0)) == 1
        messages.run_all()  # a message a batch
        assert sum(len(s.seen) for s in pending_history.get_for("ama")) == 5

    def test_they_are_on_beats_schedule_and_wait_behind_events_only(self) -> None:
        every = {
            entry.task: entry.interval.every for entry in PeriodicTask.objects.select_related("interval")
        }
        assert (every["activity.tasks.read_events"], every["activity.tasks.flush_histories"]) == (2, 60)
        for name in ("read_events", "read_shard_history", "flush_histories"):
            assert app.amqp.router.route({}, f"activity.tasks.{name}")["queue"].name == "events"


def _run(messages: Messages, task: str, *args: Any) -> list[Any]:
    messages.run(Message(f"activity.tasks.{task}", args, {}))
    return list(messages.waiting)


def _fresh(uid: str) -> list[str]:
    raw: Any = state_redis().zrange(keys.RECENTLY_SEEN.name(viewer=uid), 0, -1)
    return [item.decode() for item in raw]


def _die(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
