"""Deliveries with concurrent changes, killed workers and lost messages."""

from functools import partial
from typing import Any

import pytest

from activity.services import delivery, follows, presence
from activity.store import get_store
from activity.tests.scenarios import (
    FILM,
    KOFIS_LIKE,
    NOW,
    Killed,
    die,
    follow,
    get_durable_rows,
    get_unfinished_jobs,
    make_followers,
    meanwhile,
    read_rows,
    read_timeline_everywhere,
    run_later,
    run_sweep,
    set_relation,
    undo,
    unfollow,
)
from activity.types import Relation
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


class TestDeliveries:
    @pytest.mark.parametrize(
        "moment", ["get_activity", "get_follower_uids", "put_timeline_rows", "get_existing_edges"]
    )
    def test_an_undo_during_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        make_followers(messages, "ama", "mei")
        set_relation("kofi")
        meanwhile(monkeypatch, moment, lambda: undo(messages))
        messages.run_all()
        assert read_timeline_everywhere("ama") == read_timeline_everywhere("mei") == []
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []

    def test_an_undo_wins_although_the_worker_is_killed_before_its_second_read(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "get_activity", lambda: undo(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(message)
        assert get_durable_rows("ama") == KOFIS_LIKE  # only the second read would have found the undo
        messages.waiting.clear()
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []

    @pytest.mark.parametrize("moment", ["get_follower_uids", "put_timeline_rows"])
    def test_an_unfollow_during_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        make_followers(messages, "ama", "mei")
        set_relation("kofi")
        meanwhile(monkeypatch, moment, lambda: unfollow(messages))
        messages.run_all()
        assert read_timeline_everywhere("ama") == []
        assert read_timeline_everywhere("mei") == KOFIS_LIKE
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []

    def test_the_second_purge_removes_rows_of_a_killed_delivery(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "get_follower_uids", lambda: unfollow(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(message)
        assert get_durable_rows("ama") == KOFIS_LIKE
        messages.waiting.clear()
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []

    def test_a_block_during_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama", "mei")
        set_relation("kofi")
        meanwhile(monkeypatch, "get_follower_uids", lambda: follows.block("kofi", "ama", now=NOW))
        messages.run_all()
        assert read_timeline_everywhere("ama") == []
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []
        assert read_timeline_everywhere("mei") == KOFIS_LIKE

    @pytest.mark.parametrize("newcomer", ["aba", "zuri"])
    def test_a_person_who_follows_during_a_delivery_gets_the_activity(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch, newcomer: str
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        make_followers(messages, "ama", "mei", "yaa")
        presence.mark_active(newcomer)
        set_relation("kofi")
        meanwhile(monkeypatch, "get_follower_uids", lambda: follow(newcomer, "kofi"), time=2)
        messages.run_all()
        for viewer in ("ama", "mei", "yaa", newcomer):
            assert read_timeline_everywhere(viewer) == KOFIS_LIKE

    def test_the_same_batch_run_twice_concurrently_delivers_once(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 2)
        make_followers(messages, "ama", "mei", "yaa")
        set_relation("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "put_timeline_rows", lambda: messages.run(message))
        messages.run_all()
        for viewer in ("ama", "mei", "yaa"):
            assert read_timeline_everywhere(viewer) == KOFIS_LIKE
        activity = get_store().get_activity("kofi", FILM)
        assert activity is not None
        assert (activity.ledger.follower_count, activity.ledger.delivered_count) == (3, 3)
        assert get_unfinished_jobs() == set()

    def test_a_delivery_with_a_lost_message_continues_from_its_cursor(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        monkeypatch.setattr(delivery, "DELIVERY_SLICE_SECONDS", 0)
        make_followers(messages, "ama", "mei", "yaa")
        set_relation("kofi")
        messages.run(messages.waiting.pop())
        messages.waiting.clear()
        assert (get_durable_rows("ama"), get_durable_rows("mei")) == (KOFIS_LIKE, [])
        clock.now += 21
        run_sweep(messages)
        written: list[int] = []
        real = type(get_store()).put_timeline_rows

        def put_rows(self: Any, rows: Any) -> None:
            written.append(len(rows))
            real(self, rows)

        monkeypatch.setattr(type(get_store()), "put_timeline_rows", put_rows)
        messages.run_all()
        assert read_timeline_everywhere("mei") == read_timeline_everywhere("yaa") == KOFIS_LIKE
        assert sum(written) == 2
        assert get_unfinished_jobs() == set()

    def test_a_message_of_an_older_version_does_nothing(self, messages: Messages) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (old,) = messages.waiting
        set_relation("kofi", relation=Relation("finished"), now=NOW + 5)
        messages.waiting.remove(old)
        messages.run_all()
        before = get_store().get_activity("kofi", FILM)
        messages.run(old)
        assert get_store().get_activity("kofi", FILM) == before
        assert [row.status for row in read_rows("ama")] == ["finished"]

    def test_a_repeated_message_of_a_finished_delivery_writes_nothing(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (message,) = messages.waiting
        messages.run_all()
        before = get_store().get_activity("kofi", FILM)
        monkeypatch.setattr(type(get_store()), "put_timeline_rows", lambda *_: die())
        messages.run(message)
        assert get_store().get_activity("kofi", FILM) == before

    def test_a_worker_that_is_killed_before_it_finishes_the_job_delivers_again(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (message,) = messages.waiting
        meanwhile(monkeypatch, "save_ledger", die, time=1)
        with pytest.raises(Killed):
            messages.run(message)
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE
        activity = get_store().get_activity("kofi", FILM)
        assert activity is not None
        assert (activity.ledger.delivered_count, activity.ledger.cursor) == (1, "")

    @pytest.mark.usefixtures("clock")
    def test_an_activity_that_changes_on_every_attempt_is_retried(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        (message,) = messages.waiting
        for time in range(1, 2 * delivery.MAX_WRITE_ATTEMPTS, 1):
            rerate = partial(set_relation, "kofi", relation=Relation(rating=1 + time % 5))
            meanwhile(monkeypatch, "get_existing_edges", rerate, time=time)
        with pytest.raises(RuntimeError, match="changed on every attempt"):
            messages.run(message)
        monkeypatch.undo()
