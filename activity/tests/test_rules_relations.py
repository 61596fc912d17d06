"""The rules of recording a relation to a title."""

from dataclasses import replace

import pytest

from activity.rules import relations
from activity.rules.person import Person
from activity.types import MAX_FINISHED_TITLES, Activity, Job, Ledger, Relation

NOW, DUE = 1_700_000_000.5, 1_700_000_030.0
LIKED, FINISHED, NOTHING = Relation(favorite=True), Relation(status="finished"), Relation()
AMA = Person("ama", version=7, choice_version=2)


def record(
    person: Person, before: Activity, relation: Relation, *, now: float = NOW
) -> relations.ActivityChange:
    return relations.record_relation(
        person, before, relation, now=now, due=DUE, origin="friend", affinity_gain={"drama": 1.5}
    )


NEW = relations.make_unrecorded("ama", "movie:1", now=NOW)


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

    @pytest.mark.parametrize(
        ("relation", "weight"),
        [
            (NOTHING, 0.0),
            (FINISHED, 0.0),
            (LIKED, 1.0),
            (Relation(rating=5), 1.0),
            (Relation(rating=4), 0.75),
            (Relation(rating=3), 0.25),
            (Relation(rating=1), 0.0),
            (Relation(favorite=True, rating=1), 1.0),
        ],
    )
    def test_ratings_and_favorites_add_to_affinities(self, relation: Relation, weight: float) -> None:
        assert relations.get_affinity_weight(relation) == weight

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
