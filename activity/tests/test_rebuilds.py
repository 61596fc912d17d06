"""Timeline rebuilds that fail, are killed, or run concurrently."""

import pytest

from activity import timeline_cache
from activity.services import presence, profiles, rebuilds
from activity.store import get_store
from activity.tests.scenarios import (
    KOFIS_LIKE,
    NOW,
    fail,
    get_unfinished_jobs,
    make_followers,
    meanwhile,
    read_timeline_everywhere,
    run_later,
    set_relation,
)
from activity.types import StoreUnavailable
from core.redis.client import state_redis
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


class TestRebuilds:
    def test_a_failed_rebuild_clears_its_marker_and_is_retried(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        assert rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        assert state_redis().exists(presence.rebuilding_key("ama"))
        with monkeypatch.context() as patch:
            meanwhile(patch, "get_profiles", fail)
            with pytest.raises(StoreUnavailable):
                messages.run(messages.waiting.pop())
        assert not state_redis().exists(presence.rebuilding_key("ama"))
        assert get_unfinished_jobs() == {("rebuild", "ama")}
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE

    def test_a_killed_concurrent_rebuild_keeps_its_job(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        messages.waiting.clear()

        def another_is_killed_after_it_cleared_the_timeline() -> None:
            with monkeypatch.context() as patch:
                meanwhile(patch, "get_following", fail)
                with pytest.raises(StoreUnavailable):
                    rebuilds.rebuild_timeline("ama", now=NOW)

        with monkeypatch.context() as patch:
            meanwhile(patch, "trim_timeline", another_is_killed_after_it_cleared_the_timeline)
            rebuilds.rebuild_timeline("ama", now=NOW)
        assert read_timeline_everywhere("ama") == []
        assert get_unfinished_jobs() == {("rebuild", "ama")}
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE

    @pytest.mark.parametrize(
        "moment", ["get_timeline", "delete_timeline_rows", "get_following", "get_profiles", "get_activities"]
    )
    def test_a_delivery_during_a_rebuild_is_not_lost(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi", "movie:1", now=NOW - 10)
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        rebuilds.start_rebuild(profiles.get("ama"), now=NOW)
        (rebuild,) = messages.waiting
        messages.waiting.clear()

        def like() -> None:
            set_relation("kofi")
            messages.run_all()

        meanwhile(monkeypatch, moment, like)
        messages.run(rebuild)
        assert read_timeline_everywhere("ama") == [*KOFIS_LIKE, "kofi movie:1"]
        run_later(messages, clock)

    def test_a_viewer_is_not_marked_active_if_storing_the_job_fails(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_followers(messages, "ama")
        profile = profiles.get("ama")
        state_redis().delete(presence.key("ama"))
        monkeypatch.setattr(type(get_store()), "put_job", lambda *_: fail())
        with pytest.raises(StoreUnavailable):
            rebuilds.start_rebuild(profile, now=NOW)
        assert not state_redis().exists(presence.key("ama"))
