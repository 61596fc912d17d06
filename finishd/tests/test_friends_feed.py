"""What friends do, as the feed shows it: to those who were away, and of those whom very many follow."""

from typing import Any

import pytest

from activity import timeline_cache
from activity.services import follows, people, presence, profiles, reach, rebuilds, relations
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.types import MAX_PULLED_AUTHORS, Relation
from core.redis.client import count_round_trips, state_redis
from feed import keys
from feed.tests import world
from finishd.testing.api import get_client, get_feed, get_item_ids
from finishd.testing.people import Clock, Message, Messages

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store", "clock"),
]
LIKED = Relation(favorite=True)
SWEEP = Message("activity.tasks.sweep_jobs", (), {})


@pytest.fixture(autouse=True)
def _catalogue(activity_store: ActivityStore) -> None:
    world.catalogue(60)
    world.build()


def like(uid: str, number: int, relation: Relation = LIKED, *, now: float | None = None) -> None:
    now = world.NOW.timestamp() - 60 * number if now is None else now
    relations.set_relation(uid, f"movie:{1_000 + number}", relation, source=None, now=now)


def befriend(messages: Messages, *viewers: str, of: str = "kofi") -> None:
    people.sync_name_from_token(of, of.title(), None)
    for viewer in viewers:
        presence.mark_active(viewer)
        follows.follow(viewer, of, now=0)
    messages.run_all()


def later(messages: Messages, clock: Clock) -> None:
    for _ in range(4):
        clock.now += 31
        messages.run(SWEEP)
        messages.run_all()


def told(uid: str, feed: str = "following") -> dict[str, str]:
    """Item → reason, of what the friends' part of a new session shows."""
    page = get_feed(uid, feed_type=feed, limit=100, refresh="true")
    assert not page["meta"]["degraded"]
    return {i["id"]: i["reason"] for i in page["feed"] if i["source"] in ("friends", "following")}


def forget_sessions(uid: str) -> None:
    """As if a minute had gone by for what is kept so long only."""
    for feed in ("for_you", "following"):
        state_redis().delete(keys.SESSION.name(viewer=uid, feed=feed))


class TestWhoWasAway:
    @pytest.fixture(autouse=True)
    def _ama_leaves(self, _catalogue: None, messages: Messages) -> None:
        befriend(messages, "ama")
        like("kofi", 1)
        messages.run_all()
        state_redis().delete(presence.key("ama"), timeline_cache.key("ama"))

    def test_nothing_is_pushed_to_them(self, messages: Messages) -> None:
        like("kofi", 2)
        messages.run_all()
        assert [row.title for row in get_store().get_timeline("ama")] == ["movie:1001"]

    @pytest.mark.parametrize("feed", ["for_you", "following"])
    def test_when_they_return_the_page_says_so_and_lives_a_minute_at_most(
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
            keys.SLOTS.name(viewer="ama", session=session),
            keys.SESSION.name(viewer="ama", feed=feed),
        ):
            assert 0 < state_redis().ttl(name) <= 60, name
        assert [m.task for m in messages.waiting] == ["activity.tasks.rebuild"]
        forget_sessions("ama")
        assert get_feed("ama", feed_type=feed)["meta"]["degraded"] == ["timeline_rebuilding"]
        assert len(messages.waiting) == 1
        messages.run_all()
        forget_sessions("ama")
        again = get_feed("ama", feed_type=feed, limit=40)
        assert again["meta"]["degraded"] == []
        assert {i["id"] for i in again["feed"] if i["source"] in ("friends", "following")} == {"film-0002"}

    @pytest.mark.parametrize("deed", ["like", "follow"])
    def test_they_may_return_by_doing_something(self, messages: Messages, deed: str) -> None:
        like("kofi", 1, Relation())
        like("kofi", 2)
        messages.run_all()
        if deed == "like":
            like("ama", 9)
        else:
            follows.follow("ama", "mei", now=0)
        assert len(messages.by_kind("rebuild")) == 1
        assert get_feed("ama", feed_type="following")["meta"]["degraded"] == ["timeline_rebuilding"]
        messages.run_all()
        assert told("ama") == {"film-0002": "Kofi liked this"}

    def test_a_lost_rebuild_is_made_up_for(self, messages: Messages, clock: Clock) -> None:
        like("kofi", 2)
        get_feed("ama")
        messages.waiting.clear()
        clock.now = 2_000_000_000
        messages.run(SWEEP)
        messages.run_all()
        assert sorted(told("ama")) == ["film-0001", "film-0002"]

    def test_it_is_bounded(self, messages: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
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
        with count_calls() as spent:
            messages.run(rebuild)
        assert spent.calls == ["get_job"]

    def test_who_follows_nobody_has_nothing_to_rebuild(self, messages: Messages) -> None:
        assert get_feed("yaa")["meta"]["degraded"] == []
        assert messages.waiting == []


class TestVeryManyFollowers:
    VIEWERS = ("ama", "mei", "yaa", "zuri", "abena")

    @pytest.fixture(autouse=True)
    def _limit(self, _catalogue: None, settings: Any, messages: Messages) -> None:
        settings.FANOUT_PUSH_LIMIT = 4
        befriend(messages, *self.VIEWERS)

    def rise(self, messages: Messages) -> None:
        like("kofi", 1)
        messages.run_all()
        messages.run(SWEEP)
        messages.run_all()
        assert reach_of("kofi") == "pull"

    def test_on_the_way_up_nothing_is_lost_and_nothing_twice(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "FOLLOWERS_PER_BATCH_TO_PULL", 2)
        like("kofi", 1)
        messages.run_all()
        assert reach_of("kofi") == "to_pull"
        messages.run(SWEEP)
        for number in range(2, 9):
            for viewer in self.VIEWERS:
                assert len(told(viewer)) == number - 1, viewer
            if messages.waiting:
                messages.run(messages.waiting.pop())
            like("kofi", number)
            for message in messages.by_kind("deliver"):
                messages.waiting.remove(message)
                messages.run(message)
        assert reach_of("kofi") == "pull"
        for viewer in self.VIEWERS:
            assert set(told(viewer).values()) == {"Kofi liked this"}

    def test_an_account_that_is_pulled_is_not_pushed(self, messages: Messages) -> None:
        self.rise(messages)
        before = get_store().get_timeline("ama")
        like("kofi", 2)
        with count_calls() as spent:
            messages.run_all()
        assert get_store().get_timeline("ama") == before
        assert "put_timeline_rows" not in spent.calls
        assert sorted(told("ama")) == ["film-0001", "film-0002"]
        assert told("ama", "for_you") == told("ama")

    def test_what_it_takes_back_vanishes(self, messages: Messages) -> None:
        self.rise(messages)
        like("kofi", 2)
        messages.run_all()
        like("kofi", 1, Relation())
        messages.run_all()
        assert list(told("ama")) == ["film-0002"]

    def test_who_stops_following_it_sees_nothing_of_it(self, messages: Messages) -> None:
        self.rise(messages)
        follows.unfollow("ama", "kofi", now=0)
        assert told("ama") == {}
        messages.run_all()
        assert told("ama") == {}
        assert profiles.get("ama").pull_list == ()

    def test_who_follows_it_now_sees_it_at_once(self, messages: Messages) -> None:
        self.rise(messages)
        presence.mark_active("esi")
        follows.follow("esi", "kofi", now=0)
        assert told("esi") == {"film-0001": "Kofi liked this"}

    def test_a_follow_whose_process_died_pulls_it_too(self, messages: Messages) -> None:
        self.rise(messages)
        presence.mark_active("esi")
        get_store().follow("esi", "kofi", now=0, due=0)
        messages.run(SWEEP)
        messages.run_all()
        assert profiles.get("esi").pull_list == ("kofi",)

    def test_on_the_way_down_nothing_is_lost_and_nothing_twice(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "FOLLOWERS_PER_BATCH_TO_PUSH", 1)
        self.rise(messages)
        for number in (2, 3):
            like("kofi", number)
        like("kofi", 1, Relation())
        messages.run_all()
        for viewer in ("abena", "zuri"):
            follows.unfollow(viewer, "kofi", now=0)
        messages.run_all()
        like("kofi", 4)  # three are fewer than 80 % of four
        messages.run_all()
        assert reach_of("kofi") == "to_push"
        messages.run(SWEEP)
        shown = ["film-0002", "film-0003", "film-0004"]
        while messages.waiting:
            messages.run(messages.waiting.pop())
            for viewer in self.VIEWERS[:3]:
                assert sorted(told(viewer)) == shown, viewer
        assert reach_of("kofi") == "push"
        for viewer in self.VIEWERS[:3]:
            assert profiles.get(viewer).pull_list == ()
            assert len(get_store().get_timeline(viewer)) == 3
        like("kofi", 5)
        like("kofi", 2, Relation())
        messages.run_all()
        later(messages, clock)
        assert sorted(told("ama")) == ["film-0003", "film-0004", "film-0005"]

    def test_an_unfollow_while_followers_are_told_wins(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        like("kofi", 1)
        messages.run_all()
        real = type(get_store()).get_follower_uids
        done: list[bool] = []

        def followers(*args: Any, **kwargs: Any) -> list[str]:
            found = real(*args, **kwargs)
            if not done:
                done.append(follows.unfollow("ama", "kofi", now=0))
            return found

        monkeypatch.setattr(type(get_store()), "get_follower_uids", followers)
        messages.run(SWEEP)
        messages.run(messages.by_kind("change_reach")[0])
        assert done == [True]
        assert profiles.get("ama").pull_list == ()
        assert told("ama") == {}

    def test_a_chain_that_outlived_its_crossing_does_not_take_part_in_the_next(
        self, messages: Messages
    ) -> None:
        self.rise(messages)
        get_store().set_reach("kofi", "to_push", due=0)
        assert reach.change_reach_batch("kofi", direction="to_pull", cursor="mei", now=0) is None
        assert reach_of("kofi") == "to_push"
        assert get_store().get_job("change_reach", "kofi") is not None

    def test_a_plan_merges_twenty_of_them_at_most_and_waits_no_longer(self, messages: Messages) -> None:
        self.rise(messages)
        told("ama")
        with count_round_trips() as alone:
            get_feed("ama", limit=10, refresh="true")
        for number in range(MAX_PULLED_AUTHORS + 1):
            star = f"star-{number:02}"
            people.sync_name_from_token(star, star.title(), None)
            like(star, 10 + number if number % 10 != 9 else 40)
            follows.follow("ama", star, now=0)
            messages.run_all()
            get_store().set_reach(star, "to_pull", due=0)
            messages.run(SWEEP)
            messages.run_all()
        assert len(profiles.get("ama").pull_list) == MAX_PULLED_AUTHORS + 2
        told("ama", "for_you")
        with count_round_trips() as waits, count_calls() as spent:
            page = get_feed("ama", limit=100, refresh="true")
        supporters = {i["reason"].split(" ")[0] for i in page["feed"] if i["source"] == "friends"}
        assert len(supporters) <= MAX_PULLED_AUTHORS
        assert "Star-19" not in supporters
        assert "Star-20" not in supporters
        # Their lists come with the viewer's own timeline, in one pipeline.
        assert len(waits) == len(alone)
        assert spent.calls == []


def reach_of(uid: str) -> str:
    profile = get_store().get_profile(uid)
    assert profile is not None
    return profile.reach


def test_finished_titles_leave_the_viewers_own_feed_and_stay_in_what_friends_did(messages: Messages) -> None:
    befriend(messages, "ama")
    like("kofi", 1)
    like("kofi", 2)
    messages.run_all()
    answer = get_client("ama").post(
        "/api/v1/user-titles/sync", {"title_id": "1001", "media_type": "movie", "status": "finished"}
    )
    assert answer.status_code == 200
    page = get_feed("ama", limit=100, refresh="true")
    assert "film-0001" not in get_item_ids(page)
    assert "film-0002" in get_item_ids(page)
    assert set(told("ama")) == {"film-0001", "film-0002"}
