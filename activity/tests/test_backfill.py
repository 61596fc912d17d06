"""Backfills and purges with concurrent changes and killed workers."""

import pytest

from activity import tasks
from activity.services import delivery, follows, presence, profiles
from activity.store import get_store
from activity.tests.scenarios import (
    KOFIS_LIKE,
    NOW,
    Killed,
    die,
    follow,
    get_durable_rows,
    make_followers,
    meanwhile,
    read_timeline_everywhere,
    run_later,
    set_relation,
    undo,
    unfollow,
)
from core.redis.client import state_redis
from finishd.testing.people import Clock, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store"),
]


class TestBackfills:
    @pytest.mark.parametrize("moment", ["get_existing_edges", "get_activities", "put_timeline_rows"])
    def test_an_undo_during_a_backfill_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        set_relation("kofi")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        meanwhile(monkeypatch, moment, lambda: undo(messages))
        messages.run_all()
        assert read_timeline_everywhere("ama") == []
        run_later(messages, clock)

    def test_a_killed_backfill_leaves_no_undone_activity(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        set_relation("kofi")
        set_relation("kofi", "movie:2")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        (backfill,) = messages.waiting
        meanwhile(monkeypatch, "get_activities", lambda: undo(messages))
        meanwhile(monkeypatch, "put_timeline_rows", die)
        with pytest.raises(Killed):
            messages.run(backfill)
        assert sorted(get_durable_rows("ama")) == ["kofi movie:1000", "kofi movie:2"]
        messages.waiting.clear()
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == ["kofi movie:2"]

    def test_other_deliveries_do_not_prevent_a_backfill(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new ledger is not a change of the activity."""
        monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 1)
        make_followers(messages, *[f"viewer-{n}" for n in range(12)])
        set_relation("kofi")
        presence.mark_active("ama")
        follow("ama", "kofi")
        (delivering,), (filling,) = messages.by_kind("deliver"), messages.by_kind("backfill")
        messages.waiting.clear()
        for time in range(1, 12):
            meanwhile(monkeypatch, "get_activities", lambda: messages.run(delivering), time=time)
        messages.run(filling)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE

    @pytest.mark.parametrize("moment", ["get_existing_edges", "put_timeline_rows", "get_titles_by_author"])
    def test_an_unfollow_during_a_backfill_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        set_relation("kofi")
        messages.run_all()
        presence.mark_active("ama")
        follow("ama", "kofi")
        meanwhile(monkeypatch, moment, lambda: unfollow(messages))
        messages.run_all()
        assert read_timeline_everywhere("ama") == []
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == []

    @pytest.mark.parametrize("moment", ["get_existing_edges", "get_titles_by_author", "delete_timeline_rows"])
    def test_following_again_during_a_purge_wins(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        make_followers(messages, "ama")
        set_relation("kofi")
        messages.run_all()
        get_store().unfollow("ama", "kofi", due=NOW)

        def again() -> None:
            follow("ama", "kofi")
            messages.run_all()

        meanwhile(monkeypatch, moment, again)
        profile = get_store().get_profile("ama")
        assert profile is not None
        tasks.purge("ama", "kofi", profile.version)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE
        run_later(messages, clock)
        assert read_timeline_everywhere("ama") == KOFIS_LIKE

    @pytest.mark.parametrize("moment", ["get_profile", "follow"])
    def test_a_concurrent_block_ends_a_follow(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch, moment: str
    ) -> None:
        presence.mark_active("ama")
        profiles.get("ama")
        set_relation("kofi")
        messages.run_all()
        meanwhile(
            monkeypatch,
            "follow" if moment == "follow" else "put_job",
            lambda: follows.block("kofi", "ama", now=NOW),
        )
        if moment == "get_profile":  # the follow read the profile before the block
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
        run_later(messages, clock)
        assert get_store().get_existing_edges([("ama", "kofi")]) == set()
        assert read_timeline_everywhere("ama") == []
