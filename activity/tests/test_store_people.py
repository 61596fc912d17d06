"""Contract of the activity store: profiles, preferences, names, blocks, reach and history."""

import pytest

from activity.store import lists, taste
from activity.store.base import ActivityStore
from activity.store.taste import LANDMARK
from activity.tests.store_contract import DUE, NOW, follow, identities, saw
from activity.types import (
    BLOCKS_KEPT,
    SEEN_KEPT,
    SKIPPED_KEPT,
    SKIPPED_SECONDS,
    LimitReached,
    Preferences,
    Profile,
    Slice,
)


class TestProfiles:
    def test_a_stranger_has_none(self, store: ActivityStore) -> None:
        assert store.profile("ama") is None
        assert store.profiles(["ama", "kofi"]) == {}

    def test_those_asked_for_and_known_are_found_at_once(self, store: ActivityStore) -> None:
        for uid in ("ama", "kofi", "esi"):
            store.save_name(uid, uid.title(), None)
        found = store.profiles(["esi", "ama", "nobody"])
        assert {uid: profile.name for uid, profile in found.items()} == {"ama": "Ama", "esi": "Esi"}
        assert found["ama"] == store.profile("ama")

    def test_a_thousand_are_read_in_one_call(self, store: ActivityStore) -> None:
        store.save_name("p999", "Last", None)
        assert set(store.profiles([f"p{n}" for n in range(1_000)])) == {"p999"}


class TestPreferences:
    def test_what_is_none_stays(self, store: ActivityStore) -> None:
        first = store.save_preferences(
            "ama", Preferences(genres=("drama", "comedy"), movies=[{"id": 1, "title": "A"}])
        )
        assert first == store.profile("ama")
        assert first.genres == ("drama", "comedy")
        after = store.save_preferences("ama", Preferences(providers=[{"providerId": 8, "providerName": "N"}]))
        assert after.genres == ("drama", "comedy")
        kept = [document for _, document in store.export("ama")]
        assert "'providerId': 8" in str(kept)
        assert "'id': 1" in str(kept)

    def test_versions_rise_with_changes_only(self, store: ActivityStore) -> None:
        genres = Preferences(genres=("drama",), shows=[{"id": 2, "title": "B"}])
        first = store.save_preferences("ama", genres)
        assert (first.version, first.choice_version) == (1, 1)
        assert store.save_preferences("ama", genres) == first
        shows = store.save_preferences("ama", Preferences(shows=[]))
        assert (shows.version, shows.choice_version) == (2, 1)
        none = store.save_preferences("ama", Preferences(genres=()))
        assert (none.version, none.choice_version, none.genres) == (3, 2, ())


class TestNames:
    def test_a_name_is_kept_until_another_is_said(self, store: ActivityStore) -> None:
        store.save_name("ama", "Ama", "https://example.com/ama.png")
        profile = store.save_name("ama", None, None)
        assert (profile.name, profile.picture, profile.version) == ("Ama", "https://example.com/ama.png", 1)
        renamed = store.save_name("ama", "Ama B.", None)
        assert (renamed.name, renamed.version, renamed.choice_version) == ("Ama B.", 2, 0)
        assert renamed == store.profile("ama")


class TestBlocks:
    def test_both_profiles_say_so_and_both_choices_changed(self, store: ActivityStore) -> None:
        mine, theirs = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert (mine.uid, mine.unwanted) == ("ama", frozenset({"kofi"}))
        assert (theirs.uid, theirs.unwanted) == ("kofi", frozenset({"ama"}))
        assert (mine.choice_version, theirs.choice_version) == (1, 1)
        assert (store.profile("ama"), store.profile("kofi")) == (mine, theirs)

    def test_a_repeat_changes_nothing(self, store: ActivityStore) -> None:
        first = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert store.set_block("ama", "kofi", blocked=True, due=DUE) == first

    def test_it_ends_follows_both_ways_and_leaves_both_purges(self, store: ActivityStore) -> None:
        follow(store, "ama", "kofi", "esi")
        follow(store, "kofi", "ama")
        mine, theirs = store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert (mine.following, theirs.following) == (1, 0)
        assert store.edges([("ama", "kofi"), ("kofi", "ama"), ("ama", "esi")]) == {("ama", "esi")}
        for profile, other in ((mine, "kofi"), (theirs, "ama")):
            job = store.job("purge", profile.uid, other)
            assert job is not None
            assert (job.version, job.due) == (profile.version, DUE)

    def test_unblocking_takes_back_only_ones_own(self, store: ActivityStore) -> None:
        store.set_block("ama", "kofi", blocked=True, due=DUE)
        store.set_block("kofi", "ama", blocked=True, due=DUE)
        mine, theirs = store.set_block("ama", "kofi", blocked=False, due=DUE)
        assert (mine.unwanted, theirs.unwanted) == (frozenset({"kofi"}), frozenset({"ama"}))
        mine, theirs = store.set_block("kofi", "ama", blocked=False, due=DUE)
        assert mine.unwanted == theirs.unwanted == set()

    def test_there_is_a_documented_cap(self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lists, "BLOCKS_KEPT", 3)
        for number in range(3):
            store.set_block("ama", f"p{number}", blocked=True, due=DUE)
        with pytest.raises(LimitReached, match=r"3 blocked|blocked people"):
            store.set_block("ama", "kofi", blocked=True, due=DUE)
        assert store.profile("kofi") in (None, Profile("kofi"))
        assert BLOCKS_KEPT == 1_000

    def test_however_many_block_somebody_one_more_can(
        self, store: ActivityStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lists, "BLOCKED_BY_KEPT", 2)
        for number in range(3):
            blocker, blockee = store.set_block(f"p{number}", "ama", blocked=True, due=DUE)
            assert blocker.unwanted == {"ama"}
        assert blockee.unwanted == {"p1", "p2"}


class TestReach:
    @pytest.mark.parametrize("reach", ["rising", "sinking"])
    def test_on_the_way_it_leaves_a_cross_job(self, store: ActivityStore, reach: str) -> None:
        profile = store.set_reach("ama", reach, due=DUE)  # type: ignore[arg-type]
        assert (profile.reach, profile.version, profile.choice_version) == (reach, 1, 0)
        assert identities(store.jobs_due(now=DUE)) == {("cross", "ama", "")}

    def test_where_it_arrives_it_leaves_none(self, store: ActivityStore) -> None:
        assert store.set_reach("ama", "pulled", due=DUE).reach == "pulled"
        assert store.jobs_due(now=DUE) == []
        assert store.set_reach("ama", "pulled", due=DUE) == store.profile("ama")

    def test_viewers_are_told_once(self, store: ActivityStore) -> None:
        for uid in ("ama", "esi"):
            store.save_name(uid, uid, None)
        for _ in range(2):
            store.tell_pulled(["ama", "esi", "nobody"], "star", pulled=True)
        store.tell_pulled(["ama"], "comet", pulled=True)
        ama, esi = map(store.profiles(["ama", "esi"]).__getitem__, ("ama", "esi"))
        assert (ama.pulled, ama.version) == (("star", "comet"), 3)
        assert (esi.pulled, esi.version) == (("star",), 2)
        for _ in range(2):
            store.tell_pulled(["ama", "esi"], "star", pulled=False)
        ama, esi = map(store.profiles(["ama", "esi"]).__getitem__, ("ama", "esi"))
        assert (ama.pulled, ama.version, esi.pulled, esi.version) == (("comet",), 4, (), 3)
        assert store.profile("nobody") is None


class TestHistory:
    """What somebody's events came to, slice by slice."""

    def test_nothing_was_seen_by_a_stranger(self, store: ActivityStore) -> None:
        assert store.seen("ama") == {}
        assert store.add_history("ama", []) in (Profile("ama"), store.profile("ama"))

    def test_the_later_sight_stays(self, store: ActivityStore) -> None:
        saw(store, "ama", {"a": NOW, "b": NOW})
        saw(store, "ama", {"a": NOW - 5, "b": NOW + 5, "": NOW, "__x__": NOW, "a.b`": NOW}, upto=2)
        assert store.seen("ama") == {"a": NOW, "b": NOW + 5, "": NOW, "__x__": NOW, "a.b`": NOW}

    def test_the_newest_are_kept(self, store: ActivityStore) -> None:
        saw(store, "ama", {f"tmdb_movie_{n}_youtube_{n:011d}": NOW + n for n in range(SEEN_KEPT)})
        saw(store, "ama", {"newer": NOW + SEEN_KEPT, "older": NOW - 1}, upto=2)
        seen = store.seen("ama")
        assert len(seen) == SEEN_KEPT
        assert seen["newer"] == NOW + SEEN_KEPT
        assert min(seen.values()) == NOW + 1

    def test_it_shows_in_the_profile_and_is_no_choice(self, store: ActivityStore) -> None:
        store.save_preferences("ama", Preferences(genres=("drama",), movies_liking={"drama": 3.0}))
        learned = {"drama": 6.0, "comedy": 1.0, "horror": -0.3, "__x__": 0.0}
        profile = store.add_history(
            "ama", [Slice("s", "5-0", {"a": NOW}, learned, LANDMARK, {"movie:1": NOW, "__x__": NOW})]
        )
        assert profile.affinities == {"drama": 0.75, "comedy": 0.25}
        assert profile.skipped == {"movie:1": NOW, "__x__": NOW}
        assert (profile.version, profile.choice_version) == (2, 1)
        assert profile == store.profile("ama")

    def test_what_was_learned_fades_by_half_in_thirty_days_beside_what_is_new(
        self, store: ActivityStore
    ) -> None:
        later = LANDMARK + taste.HALF_LIFE
        old = Slice("s", "1-0", learned={"drama": 3.0}, learned_at=LANDMARK)
        new = Slice("s", "2-0", learned={"comedy": 3.0 * taste.grown(later)}, learned_at=later)
        assert store.add_history("ama", [old]).affinities == {"drama": 0.5}
        assert store.add_history("ama", [new]).affinities == {"comedy": 0.5, "drama": 0.3333}

    def test_dislike_takes_from_what_is_liked_and_goes_no_deeper_than_nothing(
        self, store: ActivityStore
    ) -> None:
        store.save_preferences("ama", Preferences(movies_liking={"drama": 4.0, "horror": 1.0}))
        dislike = Slice("s", "1-0", learned={"drama": -1.0, "horror": -5.0}, learned_at=LANDMARK)
        assert store.add_history("ama", [dislike]).affinities == {"drama": 0.5}

    def test_a_stretch_counts_once(self, store: ActivityStore) -> None:
        first, second, third = (
            Slice("s", f"{end}-0", {"a": NOW + end}, {"drama": 1.0}, LANDMARK) for end in (9, 10, 11)
        )
        once = store.add_history("ama", [first, second])
        assert (once.affinities, once.version) == ({"drama": 0.4}, 1)
        assert store.add_history("ama", [first, second]) == once
        assert store.add_history("ama", [second]) == once
        more = store.add_history("ama", [first, second, third, third])
        assert (more.affinities, more.version) == ({"drama": 0.5}, 2)
        assert store.seen("ama") == {"a": NOW + 11}

    def test_each_stream_is_counted_by_itself(self, store: ActivityStore) -> None:
        store.add_history("ama", [Slice("0 of before", "9-0", learned={"drama": 1.0}, learned_at=LANDMARK)])
        after = store.add_history("ama", [Slice("0", "2-0", learned={"drama": 2.0}, learned_at=LANDMARK)])
        assert after.affinities == {"drama": 0.5}

    def test_skips_are_bounded_in_number_and_age(self, store: ActivityStore) -> None:
        skipped = {f"movie:{n}": NOW + n for n in range(SKIPPED_KEPT + 5)}
        profile = store.add_history("ama", [Slice("s", "1-0", skipped=skipped)])
        assert min(profile.skipped.values()) == NOW + 5
        month = NOW + 6 + SKIPPED_SECONDS
        profile = store.add_history("ama", [Slice("s", "2-0", skipped={"tv:1": month})])
        assert profile.skipped["tv:1"] == month
        assert (len(profile.skipped), min(profile.skipped.values())) == (SKIPPED_KEPT - 1, NOW + 7)
