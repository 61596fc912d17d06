"""Flushes write pending history to the activity store once, also if they are killed or the store is unavailable."""

import math
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from activity import keys
from activity.models import PendingHistory
from activity.services import flushing, history, pending_history, profiles
from activity.services.history import History
from activity.store import get_store
from activity.store.meter import count_calls
from activity.tests.scenarios import Killed, die, meanwhile, set_relation
from activity.types import MAX_SEEN_ITEMS
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips, state_redis
from finishd.testing.events import append_and_read_events, make_event
from finishd.testing.people import Clock, Message, Messages

NOW = 1_795_000_000
EVERY = 600

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store", "clock"),
]


def flush(now: float) -> int:
    return flushing.flush(now=now, until=math.inf)


def view(clock: Clock, uid: str, item: str, kind: Any = "view") -> None:
    append_and_read_events(make_event(uid, item, kind, at=int(clock.now)))


def count_rows(uid: str = "ama") -> int:
    return PendingHistory.objects.filter(uid=uid).count()


def test_a_flush_writes_seen_items_and_affinities_and_deletes_the_rows(clock: Clock) -> None:
    ItemFactory.create(id="film", genres=("Drama", "Comedy"), tmdb_id=603)
    set_relation("ama", "movie:603")
    choices = profiles.get("ama").choice_version
    for kind in ("view", "like", "save", "skip"):
        view(clock, "ama", "film", kind)
    assert profiles.get("ama").affinities == {"comedy": 0.1429, "drama": 0.25}  # from the liked title
    assert flush(NOW + EVERY) == 1
    profile = profiles.get("ama")
    assert profile == get_store().get_profile("ama")
    # 1 + (0.1 + 1 + 0.5 - 0.3) = 2.3 of 2.3 + 3, and half of it in the second genre
    assert profile.affinities == {"comedy": 0.2771, "drama": 0.434}
    assert profile.skipped == {"movie:603": NOW}
    assert profile.choice_version == choices
    assert get_store().get_seen("ama") == {"film": NOW}
    assert count_rows() == 0


def test_a_viewer_is_written_at_most_once_in_ten_minutes(clock: Clock) -> None:
    written = []
    for minute in range(40):
        clock.now = NOW + 60 * minute
        view(clock, "ama", f"film-{minute}")
        with count_calls() as tally:
            flush(clock.now)
        written += [minute] * tally.calls.count("apply_history")
    assert written == [10, 21, 32]
    flush(clock.now + EVERY)
    assert len(get_store().get_seen("ama")) == 40


def test_exactly_the_newest_five_thousand_items_are_stored(clock: Clock) -> None:
    def binge(first: int, last: int) -> None:
        append_and_read_events(
            *(make_event("ama", f"film-{n}", at=NOW - 9_000 + n) for n in range(first, last))
        )
        flush(NOW + EVERY)

    binge(1_000, 5_900)
    binge(0, 1_200)  # from a phone that was offline
    assert get_store().get_seen("ama") == {
        f"film-{n}": NOW - 9_000 + n for n in range(900, 900 + MAX_SEEN_ITEMS)
    }


def test_the_cost_of_flushing_a_viewer(clock: Clock) -> None:
    for uid in ("ama", "kofi"):
        for number in range(5):
            view(clock, uid, f"film-{number}")
    with (
        count_round_trips() as round_trips,
        count_calls() as tally,
        CaptureQueriesContext(connection) as queries,
    ):
        assert flush(NOW + EVERY) == 2
    assert (tally.calls, tally.documents) == (["apply_history"] * 2, 4)
    assert (
        len([command for command in round_trips if command != "EVAL"]) == 4
    )  # the profile and the cached seen history of each
    about_rows = [q for q in queries.captured_queries if "pendinghistory" in q["sql"]]
    # due viewers, twice (none the second time); for each the lease, the rows, their deletion
    assert len(about_rows) == 2 + 2 * 3


def test_an_unavailable_store_delays_a_flush_and_loses_nothing(
    clock: Clock, activity_store_unavailable: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for uid in ("ama", "kofi"):
        view(clock, uid, "film-1")
    for minute in range(10, 15):
        assert flush(NOW + 60 * minute) == 0
    assert (
        caplog.text.count("pending history not flushed") == 2
    )  # one viewer per attempt, then no viewer is due
    assert get_history("ama").seen == {"film-1"}
    activity_store_unavailable.undo()
    assert flush(NOW + 3 * EVERY) == 2
    assert get_store().get_seen("ama") == get_store().get_seen("kofi") == {"film-1": NOW}


@pytest.mark.parametrize("step", ["profiles.cache_profile", "history.invalidate", "pending_history.delete"])
def test_a_flush_that_is_killed_after_the_stores_write_adds_nothing_twice(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ItemFactory.create(id="film", genres=("Drama",))
    view(clock, "ama", "film", "like")
    with monkeypatch.context() as patch:
        patch.setattr(f"activity.services.{step}", lambda *_: die())
        with pytest.raises(Killed):
            flush(NOW + EVERY)
    once = get_store().get_profile("ama")
    assert count_rows() == 1
    assert flush(NOW + EVERY + 1) == 0  # the lease still holds
    view(clock, "ama", "film-2")
    assert flush(NOW + 2 * EVERY) == 1
    assert once is not None
    assert once.affinities == {"drama": 0.25}
    assert profiles.get("ama").affinities == once.affinities
    assert get_store().get_seen("ama") == {"film-2": NOW}  # a like does not make an item seen
    assert count_rows() == 0


@pytest.mark.parametrize(
    "body", [[], {"seen": "all"}, {"affinity_sums": {"drama": "much"}}, {"affinity_at": 2**60}]
)
def test_an_unreadable_row_is_kept_and_does_not_delay_the_others(
    clock: Clock, caplog: pytest.LogCaptureFixture, body: Any
) -> None:
    for uid in ("ama", "ama", "kofi", "mei"):
        view(clock, uid, f"film-{uid}")
    unreadable = PendingHistory.objects.filter(uid="ama").order_by("pk")[:1].get()
    PendingHistory.objects.filter(uid="kofi").update(delta=body)
    PendingHistory.objects.filter(pk=unreadable.pk).update(delta=body)
    state_redis().flushall()
    assert get_history("ama") == History(frozenset({"film-ama"}), frozenset())
    assert get_history("kofi") == History(frozenset(), frozenset())
    assert flush(NOW + EVERY) == 2
    assert [count_rows(uid) for uid in ("ama", "kofi", "mei")] == [1, 1, 0]
    assert get_store().get_seen("ama") == {"film-ama": NOW}
    assert caplog.text.count("1 rows of pending history unreadable") == 2
    assert flush(NOW + EVERY + 60) == 0  # they are due again with the next flush of their viewer


def test_a_row_with_a_field_of_a_newer_version_is_flushed(clock: Clock) -> None:
    view(clock, "ama", "film")
    row = PendingHistory.objects.get()
    row.delta["a_newer_field"] = {"a": 1}
    row.save()
    assert flush(NOW + EVERY) == 1
    assert get_store().get_seen("ama") == {"film": NOW}


def test_concurrent_flushes_write_each_viewer_once(clock: Clock) -> None:
    for number in range(6):
        view(clock, f"p{number}", "film")
    barrier, flushed = Barrier(2), list[int]()

    def run() -> None:
        barrier.wait(timeout=10)
        try:
            flushed.append(flush(NOW + EVERY))
        finally:
            connections.close_all()

    flushes = [Thread(target=run) for _ in range(2)]
    for thread in flushes:
        thread.start()
    for thread in flushes:
        thread.join()
    assert sum(flushed) == 6
    assert [
        profile.version for profile in get_store().get_profiles([f"p{n}" for n in range(6)]).values()
    ] == [1] * 6
    assert not PendingHistory.objects.exists()


def test_rows_beyond_the_limit_wait_for_the_next_flush(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_history, "MAX_ROWS_PER_VIEWER", 3)
    for number in range(5):
        view(clock, "ama", f"film-{number}")
    assert flush(NOW + EVERY) == 1
    assert len(get_store().get_seen("ama")) == 3
    assert flush(NOW + EVERY + 60) == 0
    assert flush(NOW + 2 * EVERY) == 1
    assert len(get_store().get_seen("ama")) == 5


def test_rows_inserted_during_the_stores_write_are_not_deleted(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    view(clock, "ama", "film-1")
    clock.now += EVERY
    meanwhile(monkeypatch, "apply_history", lambda: view(clock, "ama", "film-2"))
    flush(clock.now)
    assert [set(s.seen) for s in pending_history.get_for("ama")] == [{"film-2"}]
    assert get_history("ama").seen == {"film-1", "film-2"}


def test_a_history_loaded_during_a_flush_is_complete(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the loader read SQL, a flush moves all rows to the store and invalidates the cache."""
    view(clock, "ama", "film-1")
    state_redis().flushall()
    meanwhile(monkeypatch, "get_seen", lambda: flush(NOW + EVERY))
    assert get_history("ama").seen == {"film-1"}
    assert get_history("ama").seen == {"film-1"}


def test_a_flush_stops_when_its_time_is_up(clock: Clock) -> None:
    view(clock, "ama", "film")
    assert flushing.flush(now=NOW + EVERY, until=-math.inf) == 0
    assert count_rows() == 1


def test_the_periodic_task_flushes(clock: Clock, messages: Messages) -> None:
    view(clock, "ama", "film")
    clock.now += EVERY
    messages.run(Message("activity.tasks.flush_histories", (), {}))
    assert count_rows() == 0
    assert keys.RECENTLY_SEEN.name(viewer="ama").encode() in state_redis().keys("*")  # it expires by its TTL


def get_history(uid: str) -> History:
    return history.read(uid).fetch(state_redis())
