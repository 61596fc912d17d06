"""The contract of all activity stores: profiles, preferences, names, blocks, reach and history."""

import pytest

from activity.rules import affinities, blocks
from activity.rules.affinities import DECAY_EPOCH
from activity.store.base import ActivityStore
from activity.tests.store_contract import DUE, HOSTILE, NOW, follow, keys_of, see
from activity.types import (
    MAX_BLOCKS,
    MAX_SEEN_ITEMS,
    MAX_SKIPPED_TITLES,
    SKIPPED_TTL,
    HistoryDelta,
    LimitReached,
    Preferences,
    Profile,
    Reach,
)


class TestProfiles:
    def test_an_unknown_uid_has_no_profile(self, store: ActivityStore) -> None:
        assert store.get_profile("ama") is None
        assert store.get_profiles(["ama", "kofi"]) == {}

    def test_several_profiles_are_read_at_once(self, store: ActivityStore) -> None:
        for uid in ("ama", "kofi", "esi"):
            store.save_name(uid, uid.title(), None)
        found = store.get_profiles(["esi", "ama", "nobody"])
        assert {uid: profile.name for uid, profile in found.items()} == {"ama": "Ama", "esi": "Esi"}
        assert found["ama"] == store.get_profile("ama")

    def test_a_thousand_profiles_are_read_in_one_call(self, store: ActivityStore) -> None:
        store.save_name("p999", "Last", None)
        assert set(store.get_profiles([f"p{n}" for n in range(1_000)])) == {"p999"}

    def test_all_uids_are_read_in_pages(self, store: ActivityStore) -> None:
        people = {*HOSTILE, "ama", "kofi", "Kofi"}
        for uid in people:
            store.save_name(uid, "A name", None)
        follow(store, "esi", "nobody")  # only the follower is a person
        found: list[str] = []
        while page := store.get_uids(after=found[-1] if found else "", limit=7):
            found += page
        assert sorted(found) == sorted({*people, "esi"})


class TestPreferences:
    def test_a_value_of_none_leaves_the_stored_one(self, store: ActivityStore) -> None:
        first = store.save_preferences(
            "ama", Preferences(genres=("drama", "comedy"), movies=[{"id": 1, "title": "A"}])
        )
        assert first == store.get_profile("ama")
        assert first.genres == ("drama", "comedy")
        after = store.save_preferences("ama", Preferences(providers=[{"providerId": 8, "providerName": "N"}]))
        assert after.genres == ("drama", "comedy")
        stored = [document for _, document in store.export("ama")]
        assert "'providerId': 8" in str(stored)
        assert "'id': 1" in str(stored)

    def test_versions_rise_only_with_changes(self, store: ActivityStore) -> None:
        genres = Preferences(genres=("drama",), shows=[{"id": 2, "title": "B"}])
        first = store.save_preferences("ama", genres)
        assert (first.version, first.choice_version) == (1, 1)
        assert store.save_preferences("ama", genres) == first
        shows = store.save_preferences("ama", Preferences(shows=[]))
        assert (shows.version, shows.choice_version) == (2, 1)
        none = store.save_preferences("ama", Preferences(genres=()))
        assert (none.version, none.choice_version, none.genres) == (3, 2, ())


class TestNames:
    def test_a_name_stays_until_another_is_given(self, store: ActivityStore) -> None:
        store.save_name("ama", "Ama", "https://example.com/ama.png")
        profile = store.save_name("ama", None, None)
        assert (profile.name, profile.picture, profile.version) == ("Ama", "https://example.com/ama.png", 1)
        renamed = store.save_name("ama", "Ama B.", None)
        assert (renamed.name, renamed.version, renamed.choice_version) == ("Ama B.", 2, 0)
        assert renamed == store.get_profile("ama")


class TestBlocks:
    def test_a_block_shows_in_both_profiles_and_raises_both_choice_versions(
        self, store: ActivityStore
    ) -> None:
        mine, theirs = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert (mine.uid, mine.blocked_uids) == ("ama", frozenset({"kofi"}))
        assert (theirs.uid, theirs.blocked_uids) == ("kofi", frozenset({"ama"}))
        assert (mine.choice_version, theirs.choice_version) == (1, 1)
        assert (store.get_profile("ama"), store.get_profile("kofi")) == (mine, theirs)

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        first = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert store.set_block("ama", "kofi", blocked=True, due=DUE) == first

    def test_a_block_ends_follows_in_both_directions_and_leaves_two_purge_jobs(
        self, store: ActivityStore
    ) -> None:
        follow(store, "ama", "kofi", "esi")
        follow(store, "kofi", "ama")
        mine, theirs = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert (mine.following_count, theirs.following_count) == (1, 0)
        assert store.get_existing_edges([("ama", "kofi"), ("kofi", "ama"), ("ama", "esi")]) == {
            ("ama", "esi")
        }
        for profile, other in ((mine, "kofi"), (theirs, "ama")):
            job = store.get_job("purge", profile.uid, other)
            assert job is not None
            assert (job.version, job.due) == (profile.version, DUE)

    def test_unblocking_ends_only_the_own_block(self, store: ActivityStore) -> None:
        store.set_block("ama", "kofi", blocked=True, due=DUE)
        store.set_block("kofi", "ama", blocked=True, due=DUE)
        mine, theirs = store.set_block("ama", "kofi", blocked=False, due=DUE)
        assert (mine.blocked_uids, theirs.blocked_uids) == (frozenset({"kofi"}), frozenset({"ama"}))
        mine, theirs = store.set_block("kofi", "ama", blocked=False, due=DUE)
        assert mine.blocked_uids == theirs.blocked_uids == set()

    def test_blocks_are_limited(self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(blocks, "MAX_BLOCKS", 3)
        for number in range(3):
            store.set_block("ama", f"p{number}", blocked=True, due=DUE)
        with pytest.raises(LimitReached, match=r"3 blocked|blocked people"):
            store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert store.get_profile("kofi") in (None, Profile("kofi"))
        assert MAX_BLOCKS == 1_000

    def test_the_list_of_blockers_keeps_the_newest(
        self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(blocks, "MAX_BLOCKED_BY", 2)
        for number in range(3):
            blocker, blocked = store.set_block(f"p{number}", "ama", blocked=True, due=DUE)
            assert blocker.blocked_uids == {"ama"}
        assert blocked.blocked_uids == {"p1", "p2"}


class TestReach:
    @pytest.mark.parametrize("reach", ["to_pull", "to_push"])
    def test_a_transition_leaves_a_change_reach_job(self, store: ActivityStore, reach: Reach) -> None:
        profile = store.set_reach("ama", reach, due=DUE)
        assert (profile.reach, profile.version, profile.choice_version) == (reach, 1, 0)
        assert keys_of(store.get_due_jobs(now=DUE)) == {("change_reach", "ama", "")}

    def test_the_end_of_a_transition_leaves_no_job(self, store: ActivityStore) -> None:
        assert store.set_reach("ama", "pull", due=DUE).reach == "pull"
        assert store.get_due_jobs(now=DUE) == []
        assert store.set_reach("ama", "pull", due=DUE) == store.get_profile("ama")

    def test_pull_lists_change_once(self, store: ActivityStore) -> None:
        for uid in ("ama", "esi"):
            store.save_name(uid, uid, None)
        for _ in range(2):
            store.update_pull_lists(["ama", "esi", "nobody"], "star", listed=True)
        store.update_pull_lists(["ama"], "comet", listed=True)
        ama, esi = map(store.get_profiles(["ama", "esi"]).__getitem__, ("ama", "esi"))
        assert (ama.pull_list, ama.version) == (("star", "comet"), 3)
        assert (esi.pull_list, esi.version) == (("star",), 2)
        for _ in range(2):
            store.update_pull_lists(["ama", "esi"], "star", listed=False)
        ama, esi = map(store.get_profiles(["ama", "esi"]).__getitem__, ("ama", "esi"))
        assert (ama.pull_list, ama.version, esi.pull_list, esi.version) == (("comet",), 4, (), 3)
        assert store.get_profile("nobody") is None


class TestHistory:
    """History deltas of a person's events."""

    def test_an_unknown_uid_has_an_empty_history(self, store: ActivityStore) -> None:
        assert store.get_seen("ama") == {}
        assert store.apply_history("ama", []) in (Profile("ama"), store.get_profile("ama"))

    def test_the_later_time_stays(self, store: ActivityStore) -> None:
        see(store, "ama", {"a": NOW, "b": NOW})
        see(store, "ama", {"a": NOW - 5, "b": NOW + 5, "": NOW, "__x__": NOW, "a.b`": NOW}, end_id=2)
        assert store.get_seen("ama") == {"a": NOW, "b": NOW + 5, "": NOW, "__x__": NOW, "a.b`": NOW}

    def test_the_newest_items_stay(self, store: ActivityStore) -> None:
        see(store, "ama", {f"tmdb_movie_{n}_youtube_{n:011d}": NOW + n for n in range(MAX_SEEN_ITEMS)})
        see(store, "ama", {"newer": NOW + MAX_SEEN_ITEMS, "older": NOW - 1}, end_id=2)
        seen = store.get_seen("ama")
        assert len(seen) == MAX_SEEN_ITEMS
        assert seen["newer"] == NOW + MAX_SEEN_ITEMS
        assert min(seen.values()) == NOW + 1

    def test_a_delta_changes_the_profile_but_no_choice(self, store: ActivityStore) -> None:
        store.save_preferences("ama", Preferences(genres=("drama",), movies_affinity_gain={"drama": 3.0}))
        sums = {"drama": 6.0, "comedy": 1.0, "horror": -0.3, "__x__": 0.0}
        profile = store.apply_history(
            "ama",
            [HistoryDelta("s", "5-0", {"a": NOW}, sums, DECAY_EPOCH, {"movie:1": NOW, "__x__": NOW})],
        )
        assert profile.affinities == {"drama": 0.75, "comedy": 0.25}
        assert profile.skipped == {"movie:1": NOW, "__x__": NOW}
        assert (profile.version, profile.choice_version) == (2, 1)
        assert profile == store.get_profile("ama")

    def test_contributions_of_events_decay_by_half_in_thirty_days(self, store: ActivityStore) -> None:
        later = DECAY_EPOCH + affinities.HALF_LIFE_SECONDS
        old = HistoryDelta("s", "1-0", affinity_sums={"drama": 3.0}, affinity_at=DECAY_EPOCH)
        new = HistoryDelta(
            "s", "2-0", affinity_sums={"comedy": 3.0 * affinities.decay_scale(later)}, affinity_at=later
        )
        assert store.apply_history("ama", [old]).affinities == {"drama": 0.5}
        assert store.apply_history("ama", [new]).affinities == {"comedy": 0.5, "drama": 0.3333}

    def test_dislike_lowers_an_affinity_to_zero_at_most(self, store: ActivityStore) -> None:
        store.save_preferences("ama", Preferences(movies_affinity_gain={"drama": 4.0, "horror": 1.0}))
        dislike = HistoryDelta(
            "s", "1-0", affinity_sums={"drama": -1.0, "horror": -5.0}, affinity_at=DECAY_EPOCH
        )
        assert store.apply_history("ama", [dislike]).affinities == {"drama": 0.5}

    def test_a_delta_is_applied_once(self, store: ActivityStore) -> None:
        first, second, third = (
            HistoryDelta("s", f"{end}-0", {"a": NOW + end}, {"drama": 1.0}, DECAY_EPOCH)
            for end in (9, 10, 11)
        )
        once = store.apply_history("ama", [first, second])
        assert (once.affinities, once.version) == ({"drama": 0.4}, 1)
        assert store.apply_history("ama", [first, second]) == once
        assert store.apply_history("ama", [second]) == once
        more = store.apply_history("ama", [first, second, third, third])
        assert (more.affinities, more.version) == ({"drama": 0.5}, 2)
        assert store.get_seen("ama") == {"a": NOW + 11}

    def test_positions_of_streams_are_independent(self, store: ActivityStore) -> None:
        store.apply_history(
            "ama", [HistoryDelta("0 of before", "9-0", affinity_sums={"drama": 1.0}, affinity_at=DECAY_EPOCH)]
        )
        after = store.apply_history(
            "ama", [HistoryDelta("0", "2-0", affinity_sums={"drama": 2.0}, affinity_at=DECAY_EPOCH)]
        )
        assert after.affinities == {"drama": 0.5}

    def test_skipped_titles_are_limited_in_number_and_age(self, store: ActivityStore) -> None:
        skipped = {f"movie:{n}": NOW + n for n in range(MAX_SKIPPED_TITLES + 5)}
        profile = store.apply_history("ama", [HistoryDelta("s", "1-0", skipped=skipped)])
        assert min(profile.skipped.values()) == NOW + 5
        month = NOW + 6 + SKIPPED_TTL
        profile = store.apply_history("ama", [HistoryDelta("s", "2-0", skipped={"tv:1": month})])
        assert profile.skipped["tv:1"] == month
        assert (len(profile.skipped), min(profile.skipped.values())) == (MAX_SKIPPED_TITLES - 1, NOW + 7)
