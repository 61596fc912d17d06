"""The rules of versions, preferences, reach and erasure."""

from dataclasses import fields, replace

import pytest

from activity.rules import erasure, preferences, reach
from activity.rules.person import Person, raise_versions
from activity.types import Job, Preferences, Reach

DUE = 1_700_000_030.0
AMA = Person("ama", version=7, choice_version=2)


class TestVersions:
    def test_no_change_raises_no_version(self) -> None:
        assert raise_versions(AMA, replace(AMA)) is AMA
        assert raise_versions(AMA, AMA, is_choice=True) is AMA

    @pytest.mark.parametrize(
        "changed",
        [
            replace(AMA, name="Ama"),
            replace(AMA, following_count=1),
            replace(AMA, pull_list=("star",)),
            replace(AMA, skipped={"movie:1": 5}),
        ],
    )
    def test_a_change_raises_the_version_only(self, changed: Person) -> None:
        after = raise_versions(AMA, changed)
        assert (after.version, after.choice_version) == (8, 2)

    @pytest.mark.parametrize(
        "changed",
        [
            replace(AMA, genres=("drama",)),
            replace(AMA, blocked=("kofi",)),
            replace(AMA, blocked_by=("kofi",)),
        ],
    )
    def test_a_choice_raises_both_versions(self, changed: Person) -> None:
        after = raise_versions(AMA, changed)
        assert (after.version, after.choice_version) == (8, 3)

    def test_a_choice_that_no_field_shows_raises_both_versions_once(self) -> None:
        after = raise_versions(AMA, replace(AMA, genres=("drama",)), is_choice=True)
        assert (after.version, after.choice_version) == (8, 3)

    def test_a_change_outside_the_person_raises_the_version(self) -> None:
        after = raise_versions(AMA, AMA, has_other_change=True)
        assert (after.version, after.choice_version) == (8, 2)


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

    def test_the_named_lists_are_those_that_change(self) -> None:
        person = replace(AMA, blocked=("kofi",), blocked_by=("kofi",), pull_list=("kofi",))
        after = erasure.remove_from_lists(person, "kofi")
        names = [field.name for field in fields(Person)]
        changed = {name for name in names if getattr(after, name) != getattr(person, name)}
        assert changed == {*erasure.UID_LISTS, "version", "choice_version"}
