"""Contract of the activity store: who follows whom."""

import pytest

from activity.store.base import ActivityStore
from activity.tests.store_contract import DUE, NOW, follow
from activity.types import FOLLOWS_KEPT, Edge, LimitReached


class TestFollowing:
    def test_it_counts_and_leaves_a_backfill(self, store: ActivityStore) -> None:
        profile, new = store.follow("ama", "kofi", now=NOW, due=DUE)
        assert new
        assert (profile.following, profile.version, profile.choice_version) == (1, 1, 0)
        assert profile == store.profile("ama")
        job = store.job("backfill", "ama", "kofi")
        assert job is not None
        assert (job.version, job.due) == (profile.version, DUE)

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        first, _ = store.follow("ama", "kofi", now=NOW, due=DUE)
        job = store.job("backfill", "ama", "kofi")
        assert job is not None
        store.finish(job)
        assert store.follow("ama", "kofi", now=NOW + 60, due=DUE) == (first, False)
        assert store.job("backfill", "ama", "kofi") is None
        assert store.following_edges("ama") == [Edge("kofi", NOW)]

    def test_there_is_a_documented_cap(self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("orm", "firestore"):
            monkeypatch.setattr(f"activity.store.{module}.follows.FOLLOWS_KEPT", 2)
        follow(store, "ama", "kofi", "esi")
        with pytest.raises(LimitReached, match="follows"):
            store.follow("ama", "yaw", now=NOW, due=DUE)
        assert store.following_count("ama") == 2
        assert store.follow("ama", "kofi", now=NOW, due=DUE)[1] is False
        assert FOLLOWS_KEPT == 100_000


class TestUnfollowing:
    def test_it_is_a_choice_and_leaves_a_purge(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        store.tell_pulled(["ama"], "kofi", pulled=True)
        profile, gone = store.unfollow("ama", "kofi", due=DUE)
        assert gone
        assert (profile.following, profile.pulled, profile.choice_version) == (1, (), 1)
        assert profile == store.profile("ama")
        job = store.job("purge", "ama", "kofi")
        assert job is not None
        assert (job.version, job.due) == (profile.version, DUE)
        assert store.followers("kofi") == []

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi")
        first, _ = store.unfollow("ama", "kofi", due=DUE)
        assert store.unfollow("ama", "kofi", due=DUE) == (first, False)
        assert store.unfollow("ama", "esi", due=DUE) == (first, False)

    def test_following_again_is_newer_work_than_the_purge(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi")
        first = store.job("backfill", "ama", "kofi")
        store.unfollow("ama", "kofi", due=DUE)
        follow(store, "ama", "kofi")
        again = store.job("backfill", "ama", "kofi")
        assert first is not None
        assert again is not None
        assert again.version > first.version
        assert not store.finish(first)
        assert store.job("backfill", "ama", "kofi") == again


class TestLists:
    def test_followers_are_walked_in_the_order_of_their_uids(self, store: ActivityStore) -> None:
        for uid in ("esi", "ama", "yaw", "Zed", "ßen", "p/1"):
            follow(store, uid, "kofi")
        walked: list[str] = []
        while chunk := store.followers("kofi", after=walked[-1] if walked else "", limit=2):
            assert len(chunk) == 2
            walked += chunk
        assert walked == sorted(["esi", "ama", "yaw", "Zed", "ßen", "p/1"])
        assert store.followers("kofi") == walked

    def test_edges_come_newest_first_in_pages(self, store: ActivityStore) -> None:
        follow(store, "ama", *(f"p{n}" for n in range(5)), at=NOW)
        assert store.following_edges("ama", limit=2) == [Edge("p4", NOW + 4), Edge("p3", NOW + 3)]
        assert store.following_edges("ama", offset=4, limit=2) == [Edge("p0", NOW)]
        for number in range(3):
            follow(store, f"p{number}", "ama", at=NOW + number)
        assert store.follower_edges("ama", offset=1) == [Edge("p1", NOW + 1), Edge("p0", NOW)]

    def test_counts_are_exact(self, store: ActivityStore) -> None:
        assert (store.follower_count("ama"), store.following_count("ama")) == (0, 0)
        follow(store, "ama", "kofi", "esi")
        follow(store, "kofi", "esi", "ama")
        assert (store.following_count("ama"), store.follower_count("esi")) == (2, 2)
        store.unfollow("ama", "esi", due=DUE)
        assert (store.following_count("ama"), store.follower_count("esi")) == (1, 1)

    def test_edges_are_found_among_a_thousand_pairs(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        follow(store, "esi", "ama")
        assert store.edges([]) == set()
        asked = [("ama", "kofi"), ("kofi", "ama"), ("esi", "ama"), ("ama", "nobody"), ("ama", "kofi")]
        assert store.edges(asked) == {("ama", "kofi"), ("esi", "ama")}
        one_followee = [(f"p{n}", "kofi") for n in range(999)]
        assert store.edges([*one_followee, ("ama", "kofi")]) == {("ama", "kofi")}
        one_follower = [("ama", f"p{n}") for n in range(999)]
        assert store.edges([*one_follower, ("ama", "esi")]) == {("ama", "esi")}
