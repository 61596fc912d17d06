"""Pull delivery: feeds with the activities of accounts that have very many followers."""

from typing import Any

import pytest

from activity.services import follows, people, presence, profiles, reach
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.types import MAX_PULLED_AUTHORS, Relation
from core.redis.client import count_round_trips
from feed.tests import world
from finishd.testing.api import get_feed
from finishd.testing.people import Clock, Messages
from finishd.tests.friends_feed import SWEEP, follow, get_reasons, like, sweep_for_two_minutes

pytestmark = [
    pytest.mark.slow_on_firestore,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("activity_store", "clock"),
]


@pytest.fixture(autouse=True)
def _catalogue(activity_store: ActivityStore) -> None:
    world.catalogue(60)
    world.build()


class TestPullDelivery:
    VIEWERS = ("ama", "mei", "yaa", "zuri", "abena")

    @pytest.fixture(autouse=True)
    def _limit(self, _catalogue: None, settings: Any, messages: Messages) -> None:
        settings.FANOUT_PUSH_LIMIT = 4
        follow(messages, *self.VIEWERS)

    def change_to_pull(self, messages: Messages) -> None:
        like("kofi", 1)
        messages.run_all()
        messages.run(SWEEP)
        messages.run_all()
        assert get_reach("kofi") == "pull"

    def test_the_change_to_pull_loses_and_repeats_nothing(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "FOLLOWERS_PER_BATCH_TO_PULL", 2)
        like("kofi", 1)
        messages.run_all()
        assert get_reach("kofi") == "to_pull"
        messages.run(SWEEP)
        for number in range(2, 9):
            for viewer in self.VIEWERS:
                assert len(get_reasons(viewer)) == number - 1, viewer
            if messages.waiting:
                messages.run(messages.waiting.pop())
            like("kofi", number)
            for message in messages.by_kind("deliver"):
                messages.waiting.remove(message)
                messages.run(message)
        assert get_reach("kofi") == "pull"
        for viewer in self.VIEWERS:
            assert set(get_reasons(viewer).values()) == {"Kofi liked this"}

    def test_an_account_with_pull_delivery_is_not_pushed(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        before = get_store().get_timeline("ama")
        like("kofi", 2)
        with count_calls() as tally:
            messages.run_all()
        assert get_store().get_timeline("ama") == before
        assert "put_timeline_rows" not in tally.calls
        assert sorted(get_reasons("ama")) == ["film-0001", "film-0002"]
        assert get_reasons("ama", "for_you") == get_reasons("ama")

    def test_an_undone_activity_disappears(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        like("kofi", 2)
        messages.run_all()
        like("kofi", 1, Relation())
        messages.run_all()
        assert list(get_reasons("ama")) == ["film-0002"]

    def test_after_an_unfollow_nothing_is_shown(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        follows.unfollow("ama", "kofi", now=0)
        assert get_reasons("ama") == {}
        messages.run_all()
        assert get_reasons("ama") == {}
        assert profiles.get("ama").pull_list == ()

    def test_a_new_follower_sees_its_activities_at_once(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        presence.mark_active("esi")
        follows.follow("esi", "kofi", now=0)
        assert get_reasons("esi") == {"film-0001": "Kofi liked this"}

    def test_an_interrupted_follow_is_on_the_pull_list_too(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        presence.mark_active("esi")
        get_store().follow("esi", "kofi", now=0, due=0)
        messages.run(SWEEP)
        messages.run_all()
        assert profiles.get("esi").pull_list == ("kofi",)

    def test_the_change_to_push_loses_and_repeats_nothing(
        self, messages: Messages, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reach, "FOLLOWERS_PER_BATCH_TO_PUSH", 1)
        self.change_to_pull(messages)
        for number in (2, 3):
            like("kofi", number)
        like("kofi", 1, Relation())
        messages.run_all()
        for viewer in ("abena", "zuri"):
            follows.unfollow(viewer, "kofi", now=0)
        messages.run_all()
        like("kofi", 4)  # three is less than 80 % of four
        messages.run_all()
        assert get_reach("kofi") == "to_push"
        messages.run(SWEEP)
        shown = ["film-0002", "film-0003", "film-0004"]
        while messages.waiting:
            messages.run(messages.waiting.pop())
            for viewer in self.VIEWERS[:3]:
                assert sorted(get_reasons(viewer)) == shown, viewer
        assert get_reach("kofi") == "push"
        for viewer in self.VIEWERS[:3]:
            assert profiles.get(viewer).pull_list == ()
            assert len(get_store().get_timeline(viewer)) == 3
        like("kofi", 5)
        like("kofi", 2, Relation())
        messages.run_all()
        sweep_for_two_minutes(messages, clock)
        assert sorted(get_reasons("ama")) == ["film-0003", "film-0004", "film-0005"]

    def test_an_unfollow_during_a_reach_change_is_kept(
        self, messages: Messages, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        like("kofi", 1)
        messages.run_all()
        get_follower_uids = type(get_store()).get_follower_uids
        unfollowed: list[bool] = []

        def get_and_unfollow(*args: Any, **kwargs: Any) -> list[str]:
            uids = get_follower_uids(*args, **kwargs)
            if not unfollowed:
                unfollowed.append(follows.unfollow("ama", "kofi", now=0))
            return uids

        monkeypatch.setattr(type(get_store()), "get_follower_uids", get_and_unfollow)
        messages.run(SWEEP)
        messages.run(messages.by_kind("change_reach")[0])
        assert unfollowed == [True]
        assert profiles.get("ama").pull_list == ()
        assert get_reasons("ama") == {}

    def test_a_task_of_an_old_reach_change_does_not_affect_the_next_one(self, messages: Messages) -> None:
        self.change_to_pull(messages)
        get_store().set_reach("kofi", "to_push", due=0)
        assert reach.change_reach_batch("kofi", direction="to_pull", cursor="mei", now=0) is None
        assert get_reach("kofi") == "to_push"
        assert get_store().get_job("change_reach", "kofi") is not None

    def test_a_plan_reads_at_most_twenty_pull_delivered_accounts_without_more_round_trips(
        self, messages: Messages
    ) -> None:
        self.change_to_pull(messages)
        get_reasons("ama")
        with count_round_trips() as round_trips_before:
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
        get_reasons("ama", "for_you")
        with count_round_trips() as round_trips, count_calls() as tally:
            page = get_feed("ama", limit=100, refresh="true")
        supporters = {i["reason"].split(" ")[0] for i in page["feed"] if i["source"] == "friends"}
        assert len(supporters) <= MAX_PULLED_AUTHORS
        assert "Star-19" not in supporters
        assert "Star-20" not in supporters
        # The pull-delivered activities are read with the viewer's timeline, in one round trip.
        assert len(round_trips) == len(round_trips_before)
        assert tally.calls == []


def get_reach(uid: str) -> str:
    profile = get_store().get_profile(uid)
    assert profile is not None
    return profile.reach
