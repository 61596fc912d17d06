"""Contract of the activity store: what calls cost, names that hurt, and threads that meet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise, permutations
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from activity.rules.affinities import DECAY_EPOCH
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.tests.store_contract import DUE, HOSTILE, LIKED, NOTHING, NOW, follow, record, row, see
from activity.types import HistoryDelta, Job, Ledger, Preferences, Relation

PEOPLE = [f"p{n}" for n in range(20)]
Use = Callable[[ActivityStore], Any]

# Method → a use of it, and the number of documents that its docstring allows for that use.
COSTS: dict[str, tuple[Use, int]] = {
    "get_profile": (lambda s: s.get_profile("ama"), 1),
    "get_profiles": (lambda s: s.get_profiles(PEOPLE), 20),
    "get_uids": (lambda s: s.get_uids(limit=5), 5),
    "save_preferences": (lambda s: s.save_preferences("ama", Preferences(genres=("new",), movies=[])), 2),
    "save_name": (lambda s: s.save_name("ama", "New", None), 1),
    "set_block": (lambda s: s.set_block("ama", "p1", blocked=True, due=DUE), 6),
    "set_reach": (lambda s: s.set_reach("ama", "to_pull", due=DUE), 2),
    "update_pull_lists": (lambda s: s.update_pull_lists(PEOPLE, "ama", listed=True), 20),
    "get_seen": (lambda s: s.get_seen("ama"), 1),
    "apply_history": (lambda s: see(s, "ama", {"b": NOW}, end_id=2), 2),
    "record_relation": (lambda s: record(s, "ama", "movie:1", NOTHING), 3),
    "get_activity": (lambda s: s.get_activity("ama", "movie:1"), 1),
    "get_activities": (lambda s: s.get_activities("ama", limit=5), 5),
    "save_ledger": (lambda s: s.save_ledger("ama", "movie:1", 1, Ledger()), 1),
    "follow": (lambda s: s.follow("ama", "new", now=NOW, due=DUE), 3),
    "unfollow": (lambda s: s.unfollow("ama", "p1", due=DUE), 3),
    "get_follower_uids": (lambda s: s.get_follower_uids("ama", limit=5), 5),
    "get_followers": (lambda s: s.get_followers("ama", offset=2, limit=3), 5),
    "get_following": (lambda s: s.get_following("ama", offset=2, limit=3), 5),
    "count_followers": (lambda s: s.count_followers("ama"), 1),
    "count_following": (lambda s: s.count_following("ama"), 1),
    "get_existing_edges": (lambda s: s.get_existing_edges([("ama", uid) for uid in PEOPLE]), 20),
    "get_timeline": (lambda s: s.get_timeline("ama", limit=5), 5),
    "put_timeline_rows": (
        lambda s: s.put_timeline_rows([(uid, row("ama", "movie:1")) for uid in PEOPLE]),
        20,
    ),
    "delete_timeline_rows": (
        lambda s: s.delete_timeline_rows([(uid, "ama", "movie:1") for uid in PEOPLE]),
        20,
    ),
    "get_titles_by_author": (lambda s: s.get_titles_by_author("ama", "p1", limit=5), 5),
    "get_due_jobs": (lambda s: s.get_due_jobs(now=DUE, limit=5), 5),
    "get_oldest_jobs": (lambda s: s.get_oldest_jobs(limit=5), 5),
    "get_job": (lambda s: s.get_job("deliver", "ama", "movie:1"), 1),
    "put_job": (lambda s: s.put_job(Job("rebuild", "ama")), 1),
    "postpone_job": (lambda s: s.postpone_job(Job("deliver", "ama", "movie:1", 1), due=DUE), 1),
    "finish_job": (lambda s: s.finish_job(Job("deliver", "ama", "movie:1", 1)), 1),
}


def add_data(store: ActivityStore) -> None:
    follow(store, "ama", *PEOPLE)
    for number, uid in enumerate(PEOPLE):
        follow(store, uid, "ama")
        record(store, "ama", f"movie:{number}", LIKED)
    store.put_timeline_rows([("ama", row("p1", f"movie:{n}", at=NOW + n)) for n in range(20)])
    see(store, "ama", {"a": NOW})


class TestCosts:
    def test_every_method_has_a_cost_except_privacy_and_trimming(self) -> None:
        methods = {name for name in vars(ActivityStore) if not name.startswith("_")}
        assert methods - set(COSTS) == {"trim_timeline", "export", "erase", "count_references"}

    def test_each_method_is_one_call_within_its_documents(self, store: ActivityStore) -> None:
        add_data(store)
        for name, (use, max_documents) in COSTS.items():
            with count_calls() as tally:
                use(store)
            assert tally.calls == [name]
            assert 0 < tally.documents <= max_documents, name

    def test_only_methods_that_read_write_no_documents(self, store: ActivityStore) -> None:
        add_data(store)
        reading = set()
        for name, (use, _) in COSTS.items():
            with count_calls() as tally:
                use(store)
            assert tally.written in (0, tally.documents), name
            if not tally.written:
                reading.add(name)
        assert reading == {name for name in COSTS if name.startswith(("get_", "count_"))}

    def test_a_cold_feed_load_reads_102_documents(self, store: ActivityStore) -> None:
        add_data(store)
        store.put_timeline_rows([("ama", row("p1", f"movie:{n}", at=NOW + n)) for n in range(150)])
        with count_calls() as tally:
            store.get_profile("ama")
            store.get_timeline("ama")
            store.get_seen("ama")
        assert (len(tally.calls), tally.documents) == (3, 102)


class TestHostileNames:
    def test_each_is_a_person_of_its_own(self, store: ActivityStore) -> None:
        for uid in HOSTILE:
            store.save_name(uid, f"I am {uid}", None)
            see(store, uid, {uid: NOW})
        for uid in HOSTILE:
            profile = store.get_profile(uid)
            assert profile is not None
            assert (profile.uid, profile.name, profile.version) == (uid, f"I am {uid}", 2)
            assert store.get_seen(uid) == {uid: NOW}

    def test_each_is_a_title_of_its_own(self, store: ActivityStore) -> None:
        titles = [title[:80] for title in HOSTILE]
        for number, title in enumerate(titles):
            record(store, "ama", title, LIKED, at=NOW + number)
            store.put_timeline_rows([("kofi", row("ama", title, at=NOW + number))])
        assert [a.title for a in store.get_activities("ama")] == titles[::-1]
        assert [r.title for r in store.get_timeline("kofi")] == titles[::-1]
        store.delete_timeline_rows([("kofi", "ama", title) for title in titles])
        assert store.get_timeline("kofi") == []

    def test_pairs_are_not_confused(self, store: ActivityStore) -> None:
        pairs = [*pairwise(HOSTILE), ("a|b", "c"), ("a", "b|c")]
        for follower, followee in pairs:
            assert store.follow(follower, followee, now=NOW, due=DUE)[1]
        assert store.get_existing_edges(list(permutations({*HOSTILE, "a", "c", "b|c"}, 2))) == set(pairs)
        for follower, followee in pairs:
            assert followee in [edge.uid for edge in store.get_following(follower)]
            assert store.get_job("backfill", follower, followee) is not None


class TestThreads:
    """Concurrent changes: none is lost and nothing is counted twice."""

    def _run_concurrently(self, uses: list[Callable[[], Any]]) -> list[Any]:
        barrier = Barrier(len(uses))

        def run(use: Callable[[], Any]) -> Any:
            barrier.wait(timeout=10)
            try:
                return use()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(uses)) as pool:
            return list(pool.map(run, uses))

    def test_concurrent_follows_of_different_people_all_count(self, shared_store: ActivityStore) -> None:
        self._run_concurrently(
            [partial(shared_store.follow, "ama", f"p{n}", now=NOW, due=DUE) for n in range(6)]
        )
        profile = shared_store.get_profile("ama")
        assert profile is not None
        assert (profile.following_count, profile.version) == (6, 6)
        assert shared_store.count_following("ama") == 6

    def test_concurrent_follows_of_one_person_count_once(self, shared_store: ActivityStore) -> None:
        results = self._run_concurrently([lambda: shared_store.follow("ama", "kofi", now=NOW, due=DUE)] * 4)
        assert sorted(new for _, new in results) == [False, False, False, True]
        profile = shared_store.get_profile("ama")
        assert profile is not None
        assert (profile.following_count, shared_store.count_followers("kofi")) == (1, 1)

    def test_concurrent_relations_to_one_title_get_one_version_each(
        self, shared_store: ActivityStore
    ) -> None:
        def rate(rating: int) -> Any:
            return record(shared_store, "ama", "movie:1", Relation(rating=rating))

        results = self._run_concurrently([partial(rate, rating) for rating in range(1, 6)])
        assert sorted(result.activity.version for result in results) == [1, 2, 3, 4, 5]
        last = max(results, key=lambda result: result.activity.version)
        assert shared_store.get_activity("ama", "movie:1") == last.activity
        job = shared_store.get_job("deliver", "ama", "movie:1")
        assert job is not None
        assert job.version == 5

    def test_two_people_can_block_each_other_concurrently(self, shared_store: ActivityStore) -> None:
        follow(shared_store, "ama", "kofi")
        self._run_concurrently(
            [
                lambda: shared_store.set_block("ama", "kofi", blocked=True, due=DUE),
                lambda: shared_store.set_block("kofi", "ama", blocked=True, due=DUE),
            ]
        )
        for uid, other in (("ama", "kofi"), ("kofi", "ama")):
            profile = shared_store.get_profile(uid)
            assert profile is not None
            assert (profile.blocked_uids, profile.following_count) == (frozenset({other}), 0)

    def test_a_repeated_delta_and_a_concurrent_like_all_count_once(self, shared_store: ActivityStore) -> None:
        delta = HistoryDelta("stream", "1-0", {"a": NOW}, {"drama": 1.0}, DECAY_EPOCH)
        apply = partial(shared_store.apply_history, "ama", [delta])
        self._run_concurrently([apply, apply, apply, lambda: record(shared_store, "ama", "movie:1", LIKED)])
        profile = shared_store.get_profile("ama")
        assert profile is not None
        assert (profile.affinities, profile.version) == ({"drama": 0.25}, 2)
        assert shared_store.get_seen("ama") == {"a": NOW}

    @pytest.mark.parametrize("erased", ["ama", "kofi"])
    def test_an_erasure_with_concurrent_unfollows_leaves_correct_counts(
        self, shared_store: ActivityStore, erased: str
    ) -> None:
        follow(shared_store, "ama", "kofi", "esi")
        follow(shared_store, "kofi", "ama")
        self._run_concurrently(
            [
                lambda: shared_store.erase(erased),
                lambda: shared_store.unfollow("ama", "kofi", due=DUE),
                lambda: shared_store.unfollow("kofi", "ama", due=DUE),
            ]
        )
        while shared_store.erase(erased):
            pass
        assert shared_store.count_references(erased) == {}
        for uid in {"ama", "kofi"} - {erased}:
            profile = shared_store.get_profile(uid)
            assert profile is not None
            assert profile.following_count == shared_store.count_following(uid)
