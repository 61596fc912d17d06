"""Task limits, the sweep, and caches that a killed process did not update."""

from typing import Any

import pytest
from celery import current_app

from activity import keys, tasks, timeline_cache
from activity.services import backfill, delivery, names, people, profiles
from activity.services import sweep as sweep_service
from activity.store import get_store
from activity.tests.scenarios import (
    FILM,
    KOFIS_LIKE,
    LIKED,
    NOW,
    fail,
    make_followers,
    read_timeline,
    read_timeline_everywhere,
    run_later,
    run_sweep,
    set_relation,
)
from activity.types import Relation, StoreUnavailable
from core.observability.clocks import MAX_SKEW_SECONDS
from core.redis.client import cache_redis, state_redis
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


class TestTasks:
    def test_no_batch_runs_longer_than_the_delay_of_a_recheck_or_second_purge_by_any_clock(self) -> None:
        bound = min(backfill.SECOND_PURGE_DELAY_SECONDS, delivery.RECHECK_DELAY_SECONDS)
        for name in ("deliver", "recheck", "backfill", "purge", "change_reach"):
            task = current_app.tasks[f"activity.tasks.{name}"]
            limits: Any = (task.soft_time_limit, task.time_limit)
            assert limits[0] < limits[1] < bound - MAX_SKEW_SECONDS, name

    def test_a_task_fails_after_three_retries_and_the_sweep_completes_it(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.waiting.clear()
        tries: list[int] = []
        with monkeypatch.context() as patch:

            def followers(*_: Any, **__: Any) -> Any:
                tries.append(1)
                return fail()

            patch.setattr(type(get_store()), "get_follower_uids", followers)
            outcome = tasks.deliver.apply(("kofi", FILM, 1))
        assert isinstance(outcome.result, StoreUnavailable)
        assert len(tries) == 4
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE

    def test_a_sweep_adds_no_message_to_a_long_queue(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.waiting.clear()
        clock.now += 60
        state_redis().rpush("repeats", *range(sweep_service.MAX_REPEATS))
        run_sweep(messages)
        assert messages.waiting == []
        state_redis().delete("repeats")
        run_sweep(messages)
        assert len(messages.waiting) == 1

    def test_a_sweep_queues_more_jobs_than_one_batch(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sweep_service, "JOBS_PER_BATCH", 5)
        make_followers(messages, "ama")
        for number in range(23):
            set_relation("kofi", f"movie:{number}")
        messages.waiting.clear()
        clock.now += 60
        run_sweep(messages)
        assert len(messages.waiting) == 23


class TestWriteThrough:
    def test_a_delivery_caches_a_profile_that_a_killed_process_did_not(self, messages: Messages) -> None:
        profiles.get("kofi")
        get_store().record_relation("kofi", FILM, Relation("finished"), now=NOW, due=NOW)
        assert profiles.get("kofi").finished == frozenset()
        tasks.deliver("kofi", FILM, 1)
        assert profiles.get("kofi").finished == {FILM}

    def test_edge_jobs_cache_profiles_that_a_killed_process_did_not(self, messages: Messages) -> None:
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
        make_followers(messages, "ama")
        set_relation("kofi", relation=LIKED)
        messages.run_all()
        people.sync_name_from_token("kofi", "Kofi Mensah", None)
        timeline_cache.invalidate("ama")
        read_timeline("ama")
        assert names.get_names(["kofi"])["kofi"] == ("Kofi Mensah", None)

    def test_the_newest_name_on_rows_is_cached_and_a_missing_one_is_not(self, messages: Messages) -> None:
        make_followers(messages, "ama")
        make_followers(messages, "ama", of="mei")
        set_relation("mei", "movie:9")
        people.sync_name_from_token("kofi", "Kofi", None)
        set_relation("kofi", "movie:1", now=NOW - 5)
        messages.run_all()
        people.sync_name_from_token("kofi", "Kofi Mensah", None)
        set_relation("kofi", "movie:2")
        messages.run_all()
        assert {row.author_name for row in get_store().get_timeline("ama")} == {"Kofi", "Kofi Mensah", None}
        state_redis().flushdb()
        cache_redis().flushdb()
        read_timeline("ama")
        cached = [cache_redis().get(keys.NAME.name(viewer=uid)) for uid in ("kofi", "mei")]
        assert cached == [names.pack(("Kofi Mensah", None)), None]
        assert names.get_names(["kofi"])["kofi"][0] == "Kofi Mensah"
        people.sync_name_from_token("mei", "Mei", None)
        assert names.get_names(["mei"])["mei"][0] == "Mei"
