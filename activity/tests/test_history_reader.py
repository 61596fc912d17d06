"""The history reader: the history deltas of events, the cost of a batch, and repeats after a crash."""

from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask

from activity import keys, tasks
from activity.models import PendingHistory
from activity.services import history, history_reader, pending_history
from activity.types import MAX_SEEN_ITEMS, HistoryDelta
from analytics import stream
from analytics.models import Checkpoint
from analytics.services import reader
from analytics.types import COUNTS_READER, HISTORY_READER
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips, state_redis
from core.units import HOUR
from finishd.celery import app
from finishd.testing.events import append_and_read_events, append_events, make_event
from finishd.testing.people import Clock, Message, Messages

NOW = 1_795_000_000


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestReading:
    def test_the_cost_of_a_batch_does_not_depend_on_its_events(self) -> None:
        for number in range(3):
            ItemFactory.create(id=f"film-{number}")
        append_and_read_events(make_event("ama", "film-0", at=NOW))  # loads scripts and creates checkpoints
        append_events([make_event(f"p{n % 40}", f"film-{n % 3}", at=NOW) for n in range(400)])
        counted = reader.read_batch(COUNTS_READER, 0, now=NOW)
        assert counted is not None
        reader.advance_checkpoint(counted, now=NOW)  # the trim then has entries to remove
        with count_round_trips() as round_trips, CaptureQueriesContext(connection) as queries:
            assert not history_reader.read_batch(0, now=NOW)
        sql = [
            q["sql"]
            for q in queries.captured_queries
            if q["sql"] not in ("BEGIN IMMEDIATE", "BEGIN", "COMMIT")
        ]
        # checkpoint read and advanced, one insert for all viewers, checkpoints read for the trim
        assert len(sql) == 4, sql
        # stream, dedup keys (script and its check), facts, seen items of all viewers, trim
        assert len(round_trips) == 6, round_trips
        assert PendingHistory.objects.count() == 1 + 40

    def test_short_views_are_read_and_insert_nothing(self) -> None:
        append_and_read_events(make_event("ama", "film-0", at=NOW, watched=1))
        assert not PendingHistory.objects.exists()
        assert Checkpoint.objects.get(reader=HISTORY_READER, shard=0).entries_read == 1

    def test_a_repeated_event_counts_once(self) -> None:
        again = make_event("ama", "film-0", at=NOW)
        append_and_read_events(again, again)
        append_and_read_events(again)
        assert len(pending_history.get_for("ama")) == 1

    def test_a_reader_whose_checkpoint_moved_inserts_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another process reads the same batch before this one commits."""
        append_events([make_event("ama", "film-0", at=NOW)])
        cache, others = history.cache_recently_seen, [lambda: history_reader.read_batch(0, now=NOW)]

        def overtaken(slices: Any) -> None:
            cache(slices)
            if others:
                others.pop()()

        monkeypatch.setattr(history, "cache_recently_seen", overtaken)
        with pytest.raises(reader.CheckpointMoved):
            history_reader.read_batch(0, now=NOW)
        assert others == []
        assert len(pending_history.get_for("ama")) == 1

    def test_concurrent_readers_process_each_batch_once(self) -> None:
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

    def test_a_reader_that_is_killed_before_its_commit_reads_the_batch_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        append_events([make_event("ama", "film-0", at=NOW)])
        with monkeypatch.context() as patch:
            patch.setattr(pending_history, "insert", _die)
            with pytest.raises(KeyboardInterrupt):
                history_reader.read_batch(0, now=NOW)
        assert _recently_seen("ama") == ["film-0"]  # plans leave it out already
        assert pending_history.get_for("ama") == []
        history_reader.read_batch(0, now=NOW)
        assert len(pending_history.get_for("ama")) == 1

    def test_redis_keeps_the_newest_seen_items_for_an_hour(self) -> None:
        history.cache_recently_seen(
            {"ama": HistoryDelta("s", "1-0", {f"i{n}": NOW + n for n in range(MAX_SEEN_ITEMS)})}
        )
        history.cache_recently_seen(
            {"ama": HistoryDelta("s", "2-0", {"old": NOW - 1, "new": NOW + MAX_SEEN_ITEMS, "i1": NOW - 5})}
        )
        assert len(_recently_seen("ama")) == MAX_SEEN_ITEMS
        assert {"new", "i1"} <= set(_recently_seen("ama"))
        assert not {"old", "i0"} & set(_recently_seen("ama"))
        assert 0 < state_redis().ttl(keys.RECENTLY_SEEN.name(viewer="ama")) <= HOUR


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestTasks:
    def test_the_periodic_task_queues_each_shard_with_a_backlog(self, messages: Messages) -> None:
        for shard, viewer in ((0, "ama"), (3, "kofi")):
            append_events([make_event(viewer, "film-0", at=NOW)], shard=shard)
        tasks_sent = _run(messages, "read_events")
        assert [message.args for message in tasks_sent] == [(0,), (3,)]
        messages.run_all()
        assert len(pending_history.get_for("ama")) == len(pending_history.get_for("kofi")) == 1
        assert _run(messages, "read_events") == []
        assert stream.get_lengths().keys() == {0, 3}  # the counts reader has not read them

    def test_a_long_stream_continues_in_the_next_message(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reader, "BATCH_SIZE", 2)
        monkeypatch.setattr(reader, "TASK_SLICE_SECONDS", -1.0)
        append_events([make_event("ama", f"film-{n}", at=NOW) for n in range(5)])
        assert len(_run(messages, "read_shard_history", 0)) == 1
        messages.run_all()  # one message per batch
        assert sum(len(s.seen) for s in pending_history.get_for("ama")) == 5

    def test_the_tasks_are_scheduled_and_wait_only_for_tasks_about_events(self) -> None:
        every = {
            entry.task: entry.interval.every for entry in PeriodicTask.objects.select_related("interval")
        }
        assert (every["activity.tasks.read_events"], every["activity.tasks.flush_histories"]) == (2, 60)
        queues = {"read_events": "sweeps", "read_shard_history": "events", "flush_histories": "events"}
        for name, queue in queues.items():
            assert app.amqp.router.route({}, f"activity.tasks.{name}")["queue"].name == queue


def _run(messages: Messages, task: str, *args: Any) -> list[Any]:
    messages.run(Message(f"activity.tasks.{task}", args, {}))
    return list(messages.waiting)


def _recently_seen(uid: str) -> list[str]:
    raw: Any = state_redis().zrange(keys.RECENTLY_SEEN.name(viewer=uid), 0, -1)
    return [item.decode() for item in raw]


def _die(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt
