"""Feeds of viewers who return after they were inactive."""

import pytest

from activity import timeline_cache
from activity.services import follows, presence, rebuilds
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.types import Relation
from core.redis.client import state_redis
from feed import keys
from feed.tests import world
from finishd.testing.api import get_client, get_feed, get_item_ids
from finishd.testing.people import Clock, Messages
from finishd.tests.friends_feed import SWEEP, delete_sessions, follow, get_reasons, like

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store", "clock"),
]


@pytest.fixture(autouse=True)
def _catalogue(activity_store: ActivityStore) -> None:
    world.catalogue(60)
    world.build()


class TestInactiveViewers:
    @pytest.fixture(autouse=True)
    def _ama_is_inactive(self, _catalogue: None, messages: Messages) -> None:
        follow(messages, "ama")
        like("kofi", 1)
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))

    def test_deliveries_skip_inactive_viewers(self, messages: Messages) -> None:
        like("kofi", 2)
        messages.run_all()
        assert [row.title for row in get_store().get_timeline("ama")] == ["movie:1001"]

    @pytest.mark.parametrize("feed", ["for_you", "following"])
    def test_the_first_page_reports_the_rebuild_and_its_plan_is_short_lived(
        self, messages: Messages, feed: str
    ) -> None:
        like("kofi", 1, Relation())
        like("kofi", 2)
        messages.run_all()
        page = get_feed("ama", feed_type=feed, limit=40)
        assert page["meta"]["degraded"] == ["timeline_rebuilding"]
        session = page["meta"]["session"]
        for name in (
            keys.PLAN.name(viewer="ama", session=session),
            # The only activity that is delivered is undone, so the feed of friends is empty and has no slots.
            *([keys.SLOTS.name(viewer="ama", session=session)] if page["feed"] else []),
            keys.SESSION.name(viewer="ama", feed=feed),
        ):
            assert 0 < state_redis().ttl(name) <= 60, name
        assert [m.task for m in messages.waiting] == ["activity.tasks.rebuild"]
        delete_sessions("ama")
        assert get_feed("ama", feed_type=feed)["meta"]["degraded"] == ["timeline_rebuilding"]
        assert len(messages.waiting) == 1
        messages.run_all()
        delete_sessions("ama")
        rebuilt = get_feed("ama", feed_type=feed, limit=40)
        assert rebuilt["meta"]["degraded"] == []
        assert {i["id"] for i in rebuilt["feed"] if i["source"] in ("friends", "following")} == {"film-0002"}

    @pytest.mark.parametrize("change", ["like", "follow"])
    def test_a_change_also_marks_a_viewer_active(self, messages: Messages, change: str) -> None:
        like("kofi", 1, Relation())
        like("kofi", 2)
        messages.run_all()
        if change == "like":
            like("ama", 9)
        else:
            follows.follow("ama", "mei", now=0)
        assert len(messages.by_kind("rebuild")) == 1
        assert get_feed("ama", feed_type="following")["meta"]["degraded"] == ["timeline_rebuilding"]
        messages.run_all()
        assert get_reasons("ama") == {"film-0002": "Kofi liked this"}

    def test_the_sweep_repeats_a_lost_rebuild(self, messages: Messages, clock: Clock) -> None:
        like("kofi", 2)
        get_feed("ama")
        messages.waiting.clear()
        clock.now = 2_000_000_000
        messages.run(SWEEP)
        messages.run_all()
        assert sorted(get_reasons("ama")) == ["film-0001", "film-0002"]

    def test_a_rebuild_is_bounded(self, messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rebuilds, "MAX_FOLLOWEES", 2)
        monkeypatch.setattr(rebuilds, "ACTIVITIES_PER_FOLLOWEE", 3)
        follows.follow("ama", "mei", now=0)
        follows.follow("ama", "zuri", now=0)
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))
        for number in range(8):
            like("mei", 10 + number, now=2_000_000_000 + number)
            like("zuri", 20 + number, now=2_000_000_100 + number)
        get_feed("ama")
        messages.run_all()
        assert sorted(row.title for row in get_store().get_timeline("ama")) == [
            *(f"movie:{1_010 + n}" for n in (5, 6, 7)),
            *(f"movie:{1_020 + n}" for n in (5, 6, 7)),
        ]

    def test_a_repeated_rebuild_does_nothing(self, messages: Messages) -> None:
        get_feed("ama")
        (rebuild,) = messages.waiting
        messages.run_all()
        with count_calls() as tally:
            messages.run(rebuild)
        assert tally.calls == ["get_job"]

    def test_a_viewer_without_follows_needs_no_rebuild(self, messages: Messages) -> None:
        assert get_feed("yaa")["meta"]["degraded"] == []
        assert messages.waiting == []


def test_titles_that_the_viewer_finished_are_only_in_the_following_feed(messages: Messages) -> None:
    follow(messages, "ama")
    like("kofi", 1)
    like("kofi", 2)
    messages.run_all()
    response = get_client("ama").post(
        "/api/v1/user-titles/sync", {"title_id": "1001", "media_type": "movie", "status": "finished"}
    )
    assert response.status_code == 200
    page = get_feed("ama", limit=100, refresh="true")
    assert "film-0001" not in get_item_ids(page)
    assert "film-0002" in get_item_ids(page)
    assert set(get_reasons("ama")) == {"film-0001", "film-0002"}
