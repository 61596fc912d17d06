"""The contract of all activity stores: follow edges."""

import pytest

from activity.store.base import ActivityStore
from activity.tests.store_contract import DUE, NOW, follow
from activity.types import MAX_FOLLOWS, FollowEdge, LimitReached


class TestFollowing:
    def test_a_follow_counts_and_leaves_a_backfill_job(self, store: ActivityStore) -> None:
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

    def test_follows_are_limited(self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("activity.rules.follows.MAX_FOLLOWS", 2)
        follow(store, "ama", "kofi", "esi")
        with pytest.raises(LimitReached, match="follows"):
            store.follow("ama", "yaw", now=NOW, due=DUE)
        assert store.count_following("ama") == 2
        assert store.follow("ama", "kofi", now=NOW, due=DUE)[1] is False
        assert MAX_FOLLOWS == 100_000


class TestUnfollowing:
    def test_an_unfollow_is_a_choice_and_leaves_a_purge_job(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        store.update_pull_lists(["ama"], "kofi", listed=True)
        profile, removed = store.unfollow("ama", "kofi", due=DUE)
        assert removed
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

    def test_the_backfill_of_a_new_follow_has_a_higher_version(self, store: ActivityStore) -> None:
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
    def test_follower_uids_come_in_order_page_by_page(self, store: ActivityStore) -> None:
        for uid in ("esi", "ama", "yaw", "Zed", "ßen", "p/1"):
            follow(store, uid, "kofi")
        read: list[str] = []
        while page := store.get_follower_uids("kofi", after=read[-1] if read else "", limit=2):
            assert len(page) == 2
            read += page
        assert read == sorted(["esi", "ama", "yaw", "Zed", "ßen", "p/1"])
        assert store.get_follower_uids("kofi") == read

    def test_edges_come_newest_first_page_by_page(self, store: ActivityStore) -> None:
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
