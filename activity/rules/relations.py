"""Recording a person's relation to a title."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from activity.rules import affinities
from activity.rules.person import Person, raise_versions
from activity.types import MAX_FINISHED_TITLES, Activity, Job, RecordResult, Relation

# What a relation adds to the affinities of the title's genres; the largest applies. A low rating subtracts nothing: the
# title may be a bad one of a genre that the person likes.
RATING_WEIGHTS: Final = {5: 1.0, 4: 0.75, 3: 0.25}
FAVORITE_WEIGHT: Final = 1.0


@dataclass(frozen=True, slots=True)
class ActivityChange:
    """A person and an activity after recording a relation. `changed` is False if the relation is a repeat."""

    person: Person
    activity: Activity
    jobs: tuple[Job, ...] = ()
    changed: bool = False

    @property
    def result(self) -> RecordResult:
        return RecordResult(self.activity, self.person.profile, self.changed)


def make_unrecorded(uid: str, title: str, *, now: float) -> Activity:
    """Return the activity that stands for a title of which the store has no activity."""
    return Activity(uid, title, Relation(), int(now), version=0)


def record_relation(
    person: Person,
    before: Activity,
    relation: Relation,
    *,
    now: float,
    due: float,
    origin: str | None,
    affinity_gain: Mapping[str, float],
) -> ActivityChange:
    """Record the person's relation to the title of `before`. A change leaves a deliver job due at `due`."""
    if relation == before.relation:
        return ActivityChange(person, before)
    after = apply_relation(before, relation, now=now, origin=origin, affinity_gain=affinity_gain)
    job = Job("deliver", after.uid, after.title, after.version, due)
    changed_person = raise_versions(person, apply_activity(person, before, after))
    return ActivityChange(changed_person, after, (job,), changed=True)


def apply_relation(
    before: Activity,
    relation: Relation,
    *,
    now: float,
    origin: str | None,
    affinity_gain: Mapping[str, float],
) -> Activity:
    """Return the next version of an activity, with an empty ledger."""
    moves = moves_in_time(before.relation, relation)
    return Activity(
        uid=before.uid,
        title=before.title,
        relation=relation,
        at=max(int(now), get_earliest_time(before)) if moves else before.at,
        version=before.version + 1,
        recorded_at=now,
        origin=origin,
        affinity_gain=dict(affinity_gain),
    )


def get_affinity_weight(relation: Relation) -> float:
    """Return how much a relation adds to the affinities of a title's genres, 0 to 1."""
    by_rating = RATING_WEIGHTS.get(relation.rating or 0, 0.0)
    return max(by_rating, FAVORITE_WEIGHT if relation.favorite else 0.0)


def moves_in_time(before: Relation, after: Relation) -> bool:
    """Return whether a change gives an activity a new time.

    A new rating alone does not. Adding a title to the lists and taking it off does, also by a rating alone.
    """
    only_rated = (before.status, before.favorite) == (after.status, after.favorite)
    return not only_rated or before.is_empty or after.is_empty


def get_earliest_time(before: Activity) -> int:
    """Return the earliest time of the next version: later than an undo, because that hides rows up to its time."""
    is_undone = before.relation.is_empty and before.version > 0
    return before.at + 1 if is_undone else before.at


def apply_activity(person: Person, before: Activity, after: Activity) -> Person:
    """Return the person with the activity's affinity gain, finished title and time. Versions do not rise."""
    return replace(
        person,
        title_affinity_sums=affinities.replace_gain(
            person.title_affinity_sums, old=before.affinity_gain, new=after.affinity_gain
        ),
        finished=update_finished_titles(
            person.finished, after.title, is_finished=after.relation.status == "finished"
        ),
        active_at=max(person.active_at, int(after.recorded_at)),
    )


def update_finished_titles(titles: tuple[str, ...], title: str, *, is_finished: bool) -> tuple[str, ...]:
    """Return the finished titles with or without `title`: the newest MAX_FINISHED_TITLES, newest last."""
    if is_finished == (title in titles):
        return titles
    others = tuple(other for other in titles if other != title)
    return (*others, title)[-MAX_FINISHED_TITLES:] if is_finished else others
