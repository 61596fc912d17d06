"""Two things at once, step by step: whatever overtakes whatever, timelines end as things are."""

import threading
from functools import partial
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from activity import tasks, timeline_cache
from activity.services import backfill, delivery, follows, people, presence, profiles, rebuilds
from activity.services import sweep as sweep_service
from activity.store import get_store
from activity.tests.deeds import (
    FILM,
    LIKED,
    NOTHING,
    NOW,
    Killed,
    die,
    durable,
    everywhere,
    follow,
    friends,
    kept_hot,
    left,
    meanwhile,
    seen,
    shown,
    state,
    sweep,
)
from activity.types import Relation, StoreUnavailable
from core.redis.client import state_redis
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]

LIKES_IT = [f"kofi {FILM}"]


def later(messages: Messages, clock: Clock) -> None:
    """All that beat and workers do in the next minutes."""
    for _ in range(6):
        clock.now += 31
        sweep(messages)
        messages.run_all()
    assert left() == set()


def undo(messages: Messages) -> None:
    """Kofi takes it back, and that is delivered before anything else goes on."""
    state("kofi", relation=NOTHING)
    while waiting := messages.by_kind("deliver"):
        messages.waiting.remove(waiting[0])
        messages.run(waiting[0])


def unfollow(messages: Messages) -> None:
    follows.unfollow("ama", "kofi", now=NOW)
    for message in messages.by_kind("purge"):
        messages.waiting.remove(message)
        messages.run(message)


class TestColdLoads:
    @pytest.mark.usefixtures("clock")
    def test_a_delivery_during_a_load_is_not_lost(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        timeline_cache.invalidate("ama")
        state("kofi")
        meanwhile(monkeypatch, "get_timeline", messages.run_all)
        assert shown("ama") == LIKES_IT
        assert kept_hot("ama") == LIKES_IT

    @pytest.mark.usefixtures("clock")
    def test_an_undo_during_a_load_is_not_lost(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.run_all()
        timeline_cache.invalidate("ama")
        meanwhile(monkeypatch, "get_timeline", lambda: undo(messages))
        assert shown("ama") == []
        assert kept_hot("ama") == []

    @pytest.mark.usefixtures("clock")
    def test_a_load_that_is_always_overtaken_answers_without_keeping(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        timeline_cache.invalidate("ama")
        for time in range(1, timeline_cache.MAX_LOAD_ATTEMPTS + 1):
            meanwhile(
                monkeypatch, "get_timeline", lambda: timeline_cache.remove_author("ama", "nobody"), time=time
            )
        assert shown("ama") == []
        assert kept_hot("ama") is None

    @pytest.mark.usefixtures("clock")
    def test_threads_that_load_while_others_deliver(self, messages: Messages) -> None:
        viewers = ["ama", "mei", "zuri"]
        friends(messages, *viewers)
        ended = threading.Event()
        failures: list[BaseException] = []

        def load() -> None:
            try:
                while not ended.is_set():
                    for viewer in viewers:
                        timeline_cache.invalidate(viewer)
                        shown(viewer)
            except BaseException as failure:
                failures.append(failure)
            finally:
                connection.close()

        loaders = [threading.Thread(target=load) for _ in range(2)]
        for loader in loaders:
            loader.start()
        for number in range(40):
            state("kofi", f"movie:{number}", now=NOW + number)
            if number % 4 == 3:
                state("kofi", f"movie:{number - 2}", NOTHING, now=NOW + number)
            messages.run_all()
        ended.set()
        for loader in loaders:
            loader.join()
        assert not failures
        expected = [f"kofi movie:{n}" for n in reversed(range(40)) if n % 4 != 1]
        for viewer in viewers:
            assert shown(viewer) == durable(viewer) == expected


class TestDeliveries:
    @pytest.mark.parametrize(
        "moment", ["get_activity", "get_follower_uids", "put_timeline_rows", "get_existing_edges"]
    )
    def test_an_undo_that_overtakes_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        friends(messages, "ama", "mei")
        state("kofi")
        meanwhile(monkeypatch, moment, lambda: undo(messages))
        messages.run_all()
        assert everywhere("ama") == everywhere("mei") == []
        later(messages, clock)
        assert everywhere("ama") == []

    def test_it_wins_although_the_worker_is_killed_before_its_second_look_and_the_broker_forgets(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "get_activity", lambda: undo(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(message)
        assert durable("ama") == LIKES_IT  # the second look was all that could have known
        messages.waiting.clear()
        later(messages, clock)
        assert everywhere("ama") == []

    @pytest.mark.parametrize("moment", ["get_follower_uids", "put_timeline_rows"])
    def test_an_unfollow_that_overtakes_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        friends(messages, "ama", "mei")
        state("kofi")
        meanwhile(monkeypatch, moment, lambda: unfollow(messages))
        messages.run_all()
        assert everywhere("ama") == []
        assert everywhere("mei") == LIKES_IT
        later(messages, clock)
        assert everywhere("ama") == []

    def test_what_a_killed_delivery_leaves_after_an_unfollow_goes_with_the_second_purge(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "get_follower_uids", lambda: unfollow(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(message)
        assert durable("ama") == LIKES_IT
        messages.waiting.clear()
        later(messages, clock)
        assert everywhere("ama") == []

    def test_a_block_that_overtakes_a_delivery_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama", "mei")
        state("kofi")
        meanwhile(monkeypatch, "get_follower_uids", lambda: follows.block("kofi", "ama", now=NOW))
        messages.run_all()
        assert everywhere("ama") == []
        later(messages, clock)
        assert everywhere("ama") == []
        assert everywhere("mei") == LIKES_IT

    @pytest.mark.parametrize("newcomer", ["aba", "zuri"])
    def test_somebody_who_follows_during_a_fan_out_gets_it(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch, newcomer: str
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        friends(messages, "ama", "mei", "yaa")
        presence.mark_active(newcomer)
        state("kofi")
        meanwhile(monkeypatch, "get_follower_uids", lambda: follow(newcomer, "kofi"), time=2)
        messages.run_all()
        for viewer in ("ama", "mei", "yaa", newcomer):
            assert everywhere(viewer) == LIKES_IT

    def test_the_same_chunk_twice_at_once_is_one_delivery(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 2)
        friends(messages, "ama", "mei", "yaa")
        state("kofi")
        (message,) = messages.by_kind("deliver")
        meanwhile(monkeypatch, "put_timeline_rows", lambda: messages.run(message))
        messages.run_all()
        for viewer in ("ama", "mei", "yaa"):
            assert everywhere(viewer) == LIKES_IT
        activity = get_store().get_activity("kofi", FILM)
        assert activity is not None
        assert (activity.ledger.follower_count, activity.ledger.delivered_count) == (3, 3)
        assert left() == set()

    def test_a_lost_message_is_made_up_for_where_it_stopped(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        monkeypatch.setattr(delivery, "DELIVERY_SLICE_SECONDS", 0)
        friends(messages, "ama", "mei", "yaa")
        state("kofi")
        messages.run(messages.waiting.pop())
        messages.waiting.clear()
        assert (durable("ama"), durable("mei")) == (LIKES_IT, [])
        clock.now += 21
        sweep(messages)
        written: list[int] = []
        real = type(get_store()).put_timeline_rows

        def put_rows(self: Any, rows: Any) -> None:
            written.append(len(rows))
            real(self, rows)

        monkeypatch.setattr(type(get_store()), "put_timeline_rows", put_rows)
        messages.run_all()
        assert everywhere("mei") == everywhere("yaa") == LIKES_IT
        assert sum(written) == 2
        assert left() == set()

    def test_a_message_of_an_older_version_does_nothing(self, messages: Messages) -> None:
        friends(messages, "ama")
        state("kofi")
        (old,) = messages.waiting
        state("kofi", relation=Relation("finished"), now=NOW + 5)
        messages.waiting.remove(old)
        messages.run_all()
        before = get_store().get_activity("kofi", FILM)
        messages.run(old)
        assert get_store().get_activity("kofi", FILM) == before
        assert [row.status for row in seen("ama")] == ["finished"]

    @pytest.mark.usefixtures("clock")
    def test_an_activity_that_will_not_hold_still_is_tried_again_later(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        (message,) = messages.waiting
        for time in range(1, 2 * delivery.MAX_WRITE_ATTEMPTS, 1):
            rerate = partial(state, "kofi", relation=Relation(rating=1 + time % 5))
            meanwhile(monkeypatch, "get_existing_edges", rerate, time=time)
        with pytest.raises(RuntimeError, match="changed on every attempt"):
            messages.run(message)
        monkeypatch.undo()


class TestBackfills:
    @pytest.mark.parametrize("moment", ["get_existing_edges", "get_activities", "put_timeline_rows"])
    def test_an_undo_during_a_backfill_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        state("kofi")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        meanwhile(monkeypatch, moment, lambda: undo(messages))
        messages.run_all()
        assert everywhere("ama") == []
        later(messages, clock)

    def test_a_killed_backfill_leaves_nothing_that_was_undone(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        state("kofi")
        state("kofi", "movie:2")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        (backfill,) = messages.waiting
        meanwhile(monkeypatch, "get_activities", lambda: undo(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(backfill)
        assert sorted(durable("ama")) == ["kofi movie:1000", "kofi movie:2"]
        messages.waiting.clear()
        later(messages, clock)
        assert everywhere("ama") == ["kofi movie:2"]

    def test_deliveries_elsewhere_do_not_keep_a_backfill_from_ending(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A ledger that moves is no change of what was done."""
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        friends(messages, *[f"viewer-{n}" for n in range(12)])
        state("kofi")
        presence.mark_active("ama")
        follow("ama", "kofi")
        (delivering,), (filling,) = messages.by_kind("deliver"), messages.by_kind("backfill")
        messages.waiting.clear()
        for time in range(1, 12):
            meanwhile(monkeypatch, "get_activities", lambda: messages.run(delivering), time=time)
        messages.run(filling)
        assert everywhere("ama") == LIKES_IT

    @pytest.mark.parametrize("moment", ["get_existing_edges", "put_timeline_rows", "get_titles_by_author"])
    def test_an_unfollow_during_a_backfill_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        state("kofi")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        meanwhile(monkeypatch, moment, lambda: unfollow(messages))
        messages.run_all()
        assert everywhere("ama") == []
        later(messages, clock)
        assert everywhere("ama") == []

    @pytest.mark.parametrize("moment", ["get_existing_edges", "get_titles_by_author", "delete_timeline_rows"])
    def test_following_again_during_a_purge_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.run_all()
        get_store().unfollow("ama", "kofi", due=NOW)

        def again() -> None:
            follow("ama", "kofi")
            messages.run_all()

        meanwhile(monkeypatch, moment, again)
        tasks.purge("ama", "kofi", get_store().get_profile("ama").version)  # type: ignore[union-attr]
        assert everywhere("ama") == LIKES_IT
        later(messages, clock)
        assert everywhere("ama") == LIKES_IT

    @pytest.mark.parametrize("moment", ["get_profile", "follow"])
    def test_a_block_beside_a_follow_ends_it(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        presence.mark_active("ama")
        profiles.get("ama")
        state("kofi")
        messages.run_all()
        meanwhile(
            monkeypatch,
            "follow" if moment == "follow" else "put_job",
            lambda: follows.block("kofi", "ama", now=NOW),
        )
        if moment == "get_profile":  # the follow's own look at the profile is older than the block
            follows.block("kofi", "ama", now=NOW)
            state_redis().set(
                profiles.key("ama"),
                b'0|{"name":null,"picture":null,"genres":[],"affinities":{},'
                b'"finished":[],"blocked_uids":[],"pull_list":[],"following_count":0,"reach":"push",'
                b'"active_at":0,"choice_version":0,"version":0}',
            )
            with pytest.raises(ValueError, match="block"):
                follow("ama", "kofi")
        else:
            follow("ama", "kofi")
        messages.run_all()
        later(messages, clock)
        assert get_store().get_existing_edges([("ama", "kofi")]) == set()
        assert everywhere("ama") == []


class TestRebuilds:
    def test_the_marker_goes_even_if_the_rebuild_fails_and_a_later_one_is_right(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        assert rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        assert state_redis().exists(presence.rebuilding_key("ama"))
        with monkeypatch.context() as patch:
            meanwhile(patch, "get_profiles", _fail)
            with pytest.raises(StoreUnavailable):
                messages.run(messages.waiting.pop())
        assert not state_redis().exists(presence.rebuilding_key("ama"))
        assert left() == {("rebuild", "ama")}
        later(messages, clock)
        assert everywhere("ama") == LIKES_IT

    def test_of_two_at_once_the_one_that_is_killed_keeps_its_job(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        messages.waiting.clear()

        def another_is_killed_behind_what_it_emptied() -> None:
            with monkeypatch.context() as patch:
                meanwhile(patch, "get_following", _fail)
                with pytest.raises(StoreUnavailable):
                    rebuilds.rebuild_timeline("ama")

        with monkeypatch.context() as patch:
            meanwhile(patch, "trim_timeline", another_is_killed_behind_what_it_emptied)
            rebuilds.rebuild_timeline("ama")
        assert everywhere("ama") == []
        assert left() == {("rebuild", "ama")}
        later(messages, clock)
        assert everywhere("ama") == LIKES_IT

    @pytest.mark.parametrize(
        "moment", ["get_timeline", "delete_timeline_rows", "get_following", "get_profiles", "get_activities"]
    )
    def test_a_delivery_during_a_rebuild_is_not_lost(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        friends(messages, "ama")
        state("kofi", "movie:1", now=NOW - 10)
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        (rebuild,) = messages.waiting
        messages.waiting.clear()

        def like() -> None:
            state("kofi")
            messages.run_all()

        meanwhile(monkeypatch, moment, like)
        messages.run(rebuild)
        assert everywhere("ama") == [*LIKES_IT, "kofi movie:1"]
        later(messages, clock)

    def test_nobody_is_marked_as_here_whose_timeline_nobody_rebuilds(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        profile = profiles.get("ama")
        state_redis().delete(presence.key("ama"))
        monkeypatch.setattr(type(get_store()), "put_job", lambda *_: _fail())
        with pytest.raises(StoreUnavailable):
            rebuilds.start_rebuild(profile, now=NOW)
        assert not state_redis().exists(presence.key("ama"))


class TestTasks:
    def test_no_chunk_outlives_the_second_look_that_makes_up_for_it(self) -> None:
        bound = min(backfill.SECOND_PURGE_DELAY_SECONDS, delivery.RECHECK_DELAY_SECONDS)
        for name in ("deliver", "recheck", "backfill", "purge", "change_reach"):
            task = current_app.tasks[f"activity.tasks.{name}"]
            limits: Any = (task.soft_time_limit, task.time_limit)
            assert limits[0] < limits[1] < bound, name

    def test_a_task_gives_up_after_three_more_tries_and_leaves_the_rest_to_the_sweep(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.waiting.clear()
        tries: list[int] = []
        with monkeypatch.context() as patch:

            def followers(*_: Any, **__: Any) -> Any:
                tries.append(1)
                return _fail()

            patch.setattr(type(get_store()), "get_follower_uids", followers)
            outcome = tasks.deliver.apply(("kofi", FILM, 1))
        assert isinstance(outcome.result, StoreUnavailable)
        assert len(tries) == 4
        later(messages, clock)
        assert everywhere("ama") == LIKES_IT

    def test_a_sweep_adds_nothing_to_a_long_queue(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        friends(messages, "ama")
        state("kofi")
        messages.waiting.clear()
        clock.now += 60
        state_redis().rpush("delivery", *range(sweep_service.MAX_BACKLOG))
        sweep(messages)
        assert messages.waiting == []
        state_redis().delete("delivery")
        sweep(messages)
        assert len(messages.waiting) == 1

    def test_more_due_jobs_than_one_look_takes_are_swept(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep_service, "JOBS_PER_BATCH", 5)
        friends(messages, "ama")
        for number in range(23):
            state("kofi", f"movie:{number}")
        messages.waiting.clear()
        clock.now += 60
        sweep(messages)
        assert len(messages.waiting) == 23


class TestWriteThrough:
    def test_a_profile_that_a_dying_process_did_not_write_is_written_by_the_delivery(
        self, messages: Messages
    ) -> None:
        profiles.get("kofi")
        get_store().record_relation("kofi", FILM, Relation("finished"), now=NOW, due=NOW)
        assert profiles.get("kofi").finished == frozenset()
        tasks.deliver("kofi", FILM, 1)
        assert profiles.get("kofi").finished == {FILM}

    def test_so_is_one_after_a_follow_an_unfollow_and_a_block(self, messages: Messages) -> None:
        profiles.get("ama")
        get_store().follow("ama", "kofi", now=NOW, due=NOW)
        tasks.backfill("ama", "kofi")
        assert profiles.get("ama").following_count == 1
        get_store().set_block("kofi", "ama", blocked=True, due=NOW)
        tasks.purge("ama", "kofi")
        tasks.purge("kofi", "ama")
        assert profiles.get("ama").blocked_uids == {"kofi"}
        assert profiles.get("kofi").blocked_uids == {"ama"}

    def test_an_older_name_on_a_row_does_not_replace_a_newer_one(self, messages: Messages) -> None:
        people.sync_name_from_token("kofi", "Kofi", None)
        friends(messages, "ama")
        state("kofi", relation=LIKED)
        messages.run_all()
        people.sync_name_from_token("kofi", "Kofi Mensah", None)
        timeline_cache.invalidate("ama")
        shown("ama")
        from activity.services import names  # noqa: PLC0415

        assert names.get_names(["kofi"])["kofi"] == ("Kofi Mensah", None)

    def test_the_newest_name_on_rows_is_taken_and_a_missing_one_is_not(self, messages: Messages) -> None:
        from activity.services import names  # noqa: PLC0415

        friends(messages, "ama")
        friends(messages, "ama", of="mei")
        state("mei", "movie:9")
        people.sync_name_from_token("kofi", "Kofi", None)
        state("kofi", "movie:1", now=NOW - 5)
        messages.run_all()
        people.sync_name_from_token("kofi", "Kofi Mensah", None)
        state("kofi", "movie:2")
        messages.run_all()
        assert {row.author_name for row in get_store().get_timeline("ama")} == {"Kofi", "Kofi Mensah", None}
        state_redis().flushdb()
        shown("ama")
        assert names.get_names(["kofi"])["kofi"][0] == "Kofi Mensah"
        people.sync_name_from_token("mei", "Mei", None)
        assert names.get_names(["mei"])["mei"][0] == "Mei"


def _fail() -> Any:
    raise StoreUnavailable("away")
