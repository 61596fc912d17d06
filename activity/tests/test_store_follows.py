"""Contract of the activity store: who follows whom."""

import pytest

from activity.store.base import ActivityStore
from activity.tests.store_contract import DUE, NOW, follow
from activity.types import MAX_FOLLOWS, FollowEdge, LimitReached


class TestFollowing:
    def test_it_counts_and_leaves_a_backfill(self, store: ActivityStore) -> None:
        profile, new = store.follow("ama", "kofi", now=NOW, due=DUE)
        assert new
        assert (profile.following_count, profile.version, profile.choice_version) == (1, 1, 0)
        assert profile == store.get_profile("ama")
        job = store.get_job("backfill", "ama", "kofi")
        assert job is not None
        assert (job.version, job.due) == (profile.version, DUE)

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        first, _ = store.follow("ama", "kofi", now=NOW, due=DUE)
        job = store.get_job("backfill", "ama", "kofi")
        assert job is not None
        store.finish_job(job)
        assert store.follow("ama", "kofi", now=NOW + 60, due=DUE) == (first, False)
        assert store.get_job("backfill", "ama", "kofi") is None
        assert store.get_following("ama") == [FollowEdge("kofi", NOW)]

    def test_there_is_a_documented_cap(self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("activity.rules.follows.MAX_FOLLOWS", 2)
        follow(store, "ama", "kofi", "esi")
        with pytest.raises(LimitReached, match="follows"):
            store.follow("ama", "yaw", now=NOW, due=DUE)
        assert store.count_following("ama") == 2
        assert store.follow("ama", "kofi", now=NOW, due=DUE)[1] is False
        assert MAX_FOLLOWS == 100_000


class TestUnfollowing:
    def test_it_is_a_choice_and_leaves_a_purge(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        store.update_pull_lists(["ama"], "kofi", listed=True)
        profile, gone = store.unfollow("ama", "kofi", due=DUE)
        assert gone
        assert (profile.following_count, profile.pull_list, profile.choice_version) == (1, (), 1)
        assert profile == store.get_profile("ama")
        job = store.get_job("purge", "ama", "kofi")
        assert job is not None
        assert (job.version, job.due) == (profile.version, DUE)
        assert store.get_follower_uids("kofi") == []

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi")
        first, _ = store.unfollow("ama", "kofi", due=DUE)
        assert store.unfollow("ama", "kofi", due=DUE) == (first, False)
        assert store.unfollow("ama", "esi", due=DUE) == (first, False)

    def test_following_again_is_newer_work_than_the_purge(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi")
        first = store.get_job("backfill", "ama", "kofi")
        store.unfollow("ama", "kofi", due=DUE)
        follow(store, "ama", "kofi")
        again = store.get_job("backfill", "ama", "kofi")
        assert first is not None
        assert again is not None
        assert again.version > first.version
        assert not store.finish_job(first)
        assert store.get_job("backfill", "ama", "kofi") == again


class TestLists:
    def test_followers_are_walked_in_the_order_of_their_uids(self, store: ActivityStore) -> None:
        for uid in ("esi", "ama", "yaw", "Zed", "ßen", "p/1"):
            follow(store, uid, "kofi")
        walked: list[str] = []
        while chunk := store.get_follower_uids("kofi", after=walked[-1] if walked else "", limit=2):
            assert len(chunk) == 2
            walked += chunk
        assert walked == sorted(["esi", "ama", "yaw", "Zed", "ßen", "p/1"])
        assert store.get_follower_uids("kofi") == walked

    def test_edges_come_newest_first_in_pages(self, store: ActivityStore) -> None:
        follow(store, "ama", *(f"p{n}" for n in range(5)), at=NOW)
        assert store.get_following("ama", limit=2) == [FollowEdge("p4", NOW + 4), FollowEdge("p3", NOW + 3)]
        assert store.get_following("ama", offset=4, limit=2) == [FollowEdge("p0", NOW)]
        for number in range(3):
            follow(store, f"p{number}", "ama", at=NOW + number)
        assert store.get_followers("ama", offset=1) == [FollowEdge("p1", NOW + 1), FollowEdge("p0", NOW)]

    def test_counts_are_exact(self, store: ActivityStore) -> None:
        assert (store.count_followers("ama"), store.count_following("ama")) == (0, 0)
        follow(store, "ama", "kofi", "esi")
        follow(store, "kofi", "esi", "ama")
        assert (store.count_following("ama"), store.count_followers("esi")) == (2, 2)
        store.unfollow("ama", "esi", due=DUE)
        assert (store.count_following("ama"), store.count_followers("esi")) == (1, 1)

    def test_edges_are_found_among_a_thousand_pairs(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        follow(store, "esi", "ama")
        assert store.get_existing_edges([]) == set()
        asked = [("ama", "kofi"), ("kofi", "ama"), ("esi", "ama"), ("ama", "nobody"), ("ama", "kofi")]
        assert store.get_existing_edges(asked) == {("ama", "kofi"), ("esi", "ama")}
        one_followee = [(f"p{n}", "kofi") for n in range(999)]
        assert store.get_existing_edges([*one_followee, ("ama", "kofi")]) == {("ama", "kofi")}
        one_follower = [("ama", f"p{n}") for n in range(999)]
        assert store.get_existing_edges([*one_follower, ("ama", "esi")]) == {("ama", "esi")}
