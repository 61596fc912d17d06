"""The rules about people: versions, relations, preferences, follows, blocks, reach and erasure."""

from dataclasses import replace

import pytest

from activity.rules import blocks, erasure, follows, preferences, reach, relations
from activity.rules.person import Person, raise_versions
from activity.types import (
    MAX_BLOCKED_BY,
    MAX_BLOCKS,
    MAX_FINISHED_TITLES,
    MAX_FOLLOWS,
    Activity,
    Blocked,
    Job,
    Ledger,
    LimitReached,
    Preferences,
    Reach,
    Relation,
)

NOW, DUE = 1_700_000_000.5, 1_700_000_030.0
LIKED, FINISHED, NOTHING = Relation(favorite=True), Relation(status="finished"), Relation()
AMA, KOFI = Person("ama", version=7, choice_version=2), Person("kofi", version=3, choice_version=1)


def record(
    person: Person, before: Activity, relation: Relation, *, now: float = NOW
) -> relations.ActivityChange:
    return relations.record_relation(
        person, before, relation, now=now, due=DUE, origin="friend", affinity_gain={"drama": 1.5}
    )


NEW = relations.make_unrecorded("ama", "movie:1", now=NOW)


class TestVersions:
    def test_no_change_raises_no_version(self) -> None:
        assert raise_versions(AMA, replace(AMA)) is AMA
        assert raise_versions(AMA, AMA, is_choice=True) is AMA

    @pytest.mark.parametrize(
        "change",
        [{"name": "Ama"}, {"following_count": 1}, {"pull_list": ("star",)}, {"skipped": {"movie:1": 5}}],
    )
    def test_a_change_raises_the_version_only(self, change: dict[str, object]) -> None:
        after = raise_versions(AMA, replace(AMA, **change))  # type: ignore[arg-type]
        assert (after.version, after.choice_version) == (8, 2)

    @pytest.mark.parametrize("field", ["genres", "blocked", "blocked_by"])
    def test_a_choice_raises_both_versions(self, field: str) -> None:
        after = raise_versions(AMA, replace(AMA, **{field: ("new",)}))  # type: ignore[arg-type]
        assert (after.version, after.choice_version) == (8, 3)

    def test_a_choice_that_no_field_shows_raises_both_versions_once(self) -> None:
        after = raise_versions(AMA, replace(AMA, genres=("drama",)), is_choice=True)
        assert (after.version, after.choice_version) == (8, 3)

    def test_a_change_outside_the_person_raises_the_version(self) -> None:
        after = raise_versions(AMA, AMA, has_other_change=True)
        assert (after.version, after.choice_version) == (8, 2)


class TestRelations:
    def test_a_new_relation_makes_the_first_version_and_a_job(self) -> None:
        change = record(AMA, NEW, LIKED)
        assert change.changed
        assert change.activity == Activity(
            "ama", "movie:1", LIKED, int(NOW), 1, NOW, "friend", {"drama": 1.5}, Ledger()
        )
        assert change.jobs == (Job("deliver", "ama", "movie:1", 1, DUE),)
        assert (change.person.version, change.person.choice_version) == (8, 2)
        assert change.person.active_at == int(NOW)
        assert change.result.profile == change.person.profile

    def test_a_repeat_changes_nothing_and_leaves_no_job(self) -> None:
        first = record(AMA, NEW, LIKED)
        repeat = record(first.person, first.activity, LIKED, now=NOW + 60)
        assert (repeat.person, repeat.activity) == (first.person, first.activity)
        assert (repeat.jobs, repeat.changed) == ((), False)

    def test_an_undo_of_an_unrecorded_relation_is_a_repeat(self) -> None:
        change = record(AMA, NEW, NOTHING)
        assert (change.changed, change.activity.version) == (False, 0)

    def test_a_change_empties_the_ledger(self) -> None:
        delivered = replace(record(AMA, NEW, LIKED).activity, ledger=Ledger(10, 5, "kofi", NOW, NOW))
        assert record(AMA, delivered, FINISHED).activity.ledger == Ledger()

    @pytest.mark.parametrize(
        ("before", "after", "moves"),
        [
            (NOTHING, LIKED, True),
            (NOTHING, Relation(rating=3), True),
            (LIKED, FINISHED, True),
            (LIKED, NOTHING, True),
            (Relation(rating=3), NOTHING, True),
            (LIKED, Relation(favorite=True, rating=5), False),
            (Relation(rating=3), Relation(rating=4), False),
            (Relation(rating=3), Relation(rating=3, favorite=True), True),
        ],
    )
    def test_a_rating_alone_does_not_move_an_activity_in_time(
        self, before: Relation, after: Relation, moves: bool
    ) -> None:
        assert relations.moves_in_time(before, after) is moves
        old = replace(NEW, relation=before, at=5, version=1)
        assert record(AMA, old, after).activity.at == (int(NOW) if moves else 5)

    def test_an_older_activity_does_not_lower_active_at(self) -> None:
        later = replace(AMA, active_at=int(NOW) + 60)
        assert record(later, NEW, LIKED).person.active_at == int(NOW) + 60

    def test_the_new_affinity_gain_replaces_the_old_one(self) -> None:
        first = record(replace(AMA, title_affinity_sums={"drama": 1.0}), NEW, LIKED)
        assert first.person.title_affinity_sums == {"drama": 2.5}
        second = relations.record_relation(
            first.person,
            first.activity,
            FINISHED,
            now=NOW,
            due=DUE,
            origin=None,
            affinity_gain={"comedy": 1.0},
        )
        assert second.person.title_affinity_sums == {"comedy": 1.0, "drama": 1.0}

    def test_finished_titles_follow_the_status(self) -> None:
        finished = record(AMA, NEW, FINISHED)
        assert finished.person.finished == ("movie:1",)
        assert record(finished.person, finished.activity, LIKED).person.finished == ()

    def test_the_newest_finished_titles_stay(self) -> None:
        full = tuple(f"movie:{n}" for n in range(MAX_FINISHED_TITLES))
        updated = relations.update_finished_titles(full, "tv:1", is_finished=True)
        assert updated == (*full[1:], "tv:1")
        assert relations.update_finished_titles(full, "movie:0", is_finished=True) == full
        assert relations.update_finished_titles(full, "movie:0", is_finished=False) == full[1:]


class TestPreferences:
    def test_values_that_are_none_stay(self) -> None:
        person = replace(AMA, genres=("drama",))
        change = preferences.save_preferences(person, {"movies": [{"id": 1}]}, Preferences(shows=[]))
        assert change.preferences == {"movies": [{"id": 1}], "shows": []}
        assert (change.person.genres, change.person.version, change.person.choice_version) == (
            ("drama",),
            8,
            2,
        )

    def test_a_repeat_changes_nothing(self) -> None:
        given = Preferences(genres=("drama",), movies=[{"id": 1}], movies_affinity_gain={"drama": 0.5})
        first = preferences.save_preferences(AMA, {}, given)
        assert (first.person.version, first.person.choice_version) == (8, 3)
        assert preferences.save_preferences(first.person, first.preferences, given) == first

    def test_gains_of_chosen_titles_replace_those_of_earlier_ones(self) -> None:
        first = preferences.save_preferences(AMA, {}, Preferences(movies_affinity_gain={"drama": 1.0}))
        second = preferences.save_preferences(
            first.person, first.preferences, Preferences(movies_affinity_gain={"comedy": 1.0})
        )
        assert second.person.title_affinity_sums == {"comedy": 1.0}

    def test_a_missing_name_leaves_the_stored_one(self) -> None:
        named = preferences.save_name(AMA, "Ama", "https://example.com/ama.png")
        assert (named.version, named.choice_version) == (8, 2)
        assert preferences.save_name(named, None, "") is named


class TestFollows:
    def test_a_follow_counts_and_leaves_a_backfill(self) -> None:
        change = follows.follow(AMA, "kofi", due=DUE)
        assert (change.person.following_count, change.person.version, change.person.choice_version) == (
            1,
            8,
            2,
        )
        assert change.jobs == (Job("backfill", "ama", "kofi", 8, DUE),)

    @pytest.mark.parametrize("field", ["blocked", "blocked_by"])
    def test_a_block_on_either_side_prevents_a_follow(self, field: str) -> None:
        with pytest.raises(Blocked):
            follows.follow(replace(AMA, **{field: ("kofi",)}), "kofi", due=DUE)  # type: ignore[arg-type]

    def test_follows_are_limited(self) -> None:
        almost = replace(AMA, following_count=MAX_FOLLOWS - 1)
        full = follows.follow(almost, "kofi", due=DUE).person
        with pytest.raises(LimitReached, match="100000 follows"):
            follows.follow(full, "esi", due=DUE)

    def test_an_unfollow_is_a_choice_and_leaves_a_purge(self) -> None:
        person = replace(AMA, following_count=2, pull_list=("kofi", "esi"))
        change = follows.unfollow(person, "kofi", due=DUE)
        assert (change.person.following_count, change.person.pull_list) == (1, ("esi",))
        assert (change.person.version, change.person.choice_version) == (8, 3)
        assert change.jobs == (Job("purge", "ama", "kofi", 8, DUE),)


class TestBlocks:
    def test_both_people_change_and_both_timelines_are_purged(self) -> None:
        change = blocks.block(AMA, KOFI, is_follower=False, is_followed=False, due=DUE)
        assert (change.blocker.blocked, change.blocked.blocked_by) == (("kofi",), ("ama",))
        assert (change.blocker.version, change.blocker.choice_version) == (8, 3)
        assert (change.blocked.version, change.blocked.choice_version) == (4, 2)
        assert change.jobs == (Job("purge", "ama", "kofi", 8, DUE), Job("purge", "kofi", "ama", 4, DUE))

    def test_follows_end_in_both_directions(self) -> None:
        ama = replace(AMA, following_count=2, pull_list=("kofi",))
        kofi = replace(KOFI, following_count=1)
        change = blocks.block(ama, kofi, is_follower=True, is_followed=True, due=DUE)
        assert (change.blocker.following_count, change.blocker.pull_list) == (1, ())
        assert change.blocked.following_count == 0

    def test_blocking_again_changes_nobody_but_purges_again(self) -> None:
        first = blocks.block(AMA, KOFI, is_follower=False, is_followed=False, due=DUE)
        again = blocks.block(first.blocker, first.blocked, is_follower=False, is_followed=False, due=DUE)
        assert (again.blocker, again.blocked) == (first.blocker, first.blocked)
        assert [job.version for job in again.jobs] == [9, 5]

    def test_unblocking_ends_only_the_own_block(self) -> None:
        ama = replace(AMA, blocked=("kofi",), blocked_by=("kofi",))
        kofi = replace(KOFI, blocked=("ama",), blocked_by=("ama",))
        change = blocks.unblock(ama, kofi)
        assert (change.blocker.blocked, change.blocker.blocked_by) == ((), ("kofi",))
        assert (change.blocked.blocked, change.blocked.blocked_by) == (("ama",), ())
        assert change.jobs == ()

    def test_blocks_are_limited_on_the_side_of_the_blocker(self) -> None:
        full = tuple(f"p{n}" for n in range(MAX_BLOCKS))
        assert blocks.add_block(full, "p0") == full
        with pytest.raises(LimitReached, match="1000 blocked people"):
            blocks.add_block(full, "new")

    def test_the_newest_blockers_stay_on_the_other_side(self) -> None:
        full = tuple(f"p{n}" for n in range(MAX_BLOCKED_BY))
        assert blocks.add_blocked_by(full, "new") == (*full[1:], "new")


class TestReach:
    @pytest.mark.parametrize(
        ("old", "followers", "wanted"),
        [
            ("push", 100, "push"),
            ("push", 101, "to_pull"),
            ("to_pull", 50, "to_pull"),
            ("pull", 80, "pull"),
            ("pull", 79, "to_push"),
            ("to_push", 200, "to_push"),
        ],
    )
    def test_transitions_begin_with_a_gap_between_the_limits(
        self, old: Reach, followers: int, wanted: Reach
    ) -> None:
        assert reach.get_wanted_reach(old, followers, limit=100) == wanted

    def test_only_a_transition_leaves_a_job(self) -> None:
        change = reach.set_reach(AMA, "to_pull", due=DUE)
        assert (change.person.reach, change.person.version, change.person.choice_version) == ("to_pull", 8, 2)
        assert change.jobs == (Job("change_reach", "ama", due=DUE),)
        assert reach.set_reach(change.person, "pull", due=DUE).jobs == ()

    def test_followers_pull_from_the_first_transition_until_the_second(self) -> None:
        values: tuple[Reach, ...] = ("push", "to_pull", "pull", "to_push")
        assert [value for value in values if reach.is_pulled(value)] == ["to_pull", "pull"]

    def test_a_pull_list_has_an_author_once_and_last(self) -> None:
        assert reach.update_pull_list(("a",), "b", listed=True) == ("a", "b")
        assert reach.update_pull_list(("b", "a"), "b", listed=True) == ("b", "a")
        assert reach.update_pull_list(("b", "a"), "b", listed=False) == ("a",)


class TestErasure:
    def test_a_follower_loses_the_followee_without_a_choice(self) -> None:
        follower = replace(AMA, following_count=2, pull_list=("kofi", "esi"))
        after = erasure.remove_followee(follower, "kofi")
        assert (after.following_count, after.pull_list) == (1, ("esi",))
        assert (after.version, after.choice_version) == (8, 2)

    def test_no_list_names_the_erased_person(self) -> None:
        person = replace(AMA, blocked=("kofi", "esi"), blocked_by=("kofi",), pull_list=("yaw", "kofi"))
        after = erasure.remove_from_lists(person, "kofi")
        assert (after.blocked, after.blocked_by, after.pull_list) == (("esi",), (), ("yaw",))
        assert (after.version, after.choice_version) == (8, 3)
        assert erasure.remove_from_lists(after, "kofi") is after

    def test_the_lists_are_all_fields_that_hold_uids_of_others(self) -> None:
        person = Person("ama", **dict.fromkeys(erasure.UID_LISTS, ("kofi",)))  # type: ignore[arg-type]
        after = erasure.remove_from_lists(person, "kofi")
        assert replace(after, version=0, choice_version=0) == Person("ama")
