"""A stored person as a plain value, and the rule by which its versions rise."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from activity.rules import affinities
from activity.types import Job, Profile, Reach


@dataclass(frozen=True, slots=True)
class Person:
    """All that a store keeps of a person, except preferences, seen history and activities.

    `title_affinity_sums` is genre → what titles contributed; `event_affinity_sums` is genre → what events contributed,
    on the scale of `affinities.decay_scale`, and `event_affinity_at` the newest of these events. `stream_positions` is
    stream → the id of the last entry applied. In `finished`, `blocked` and `blocked_by` the newest is last. The other
    fields are those of `Profile`.
    """

    uid: str
    name: str | None = None
    picture: str | None = None
    genres: tuple[str, ...] = ()
    title_affinity_sums: Mapping[str, float] = field(default_factory=dict)
    event_affinity_sums: Mapping[str, float] = field(default_factory=dict)
    event_affinity_at: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    stream_positions: Mapping[str, str] = field(default_factory=dict)
    finished: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    blocked_by: tuple[str, ...] = ()
    pull_list: tuple[str, ...] = ()
    following_count: int = 0
    reach: Reach = "push"
    active_at: int = 0
    choice_version: int = 0
    version: int = 0

    @property
    def profile(self) -> Profile:
        return Profile(
            uid=self.uid,
            name=self.name,
            picture=self.picture,
            genres=self.genres,
            affinities=affinities.get_affinities(
                self.title_affinity_sums, self.event_affinity_sums, self.event_affinity_at
            ),
            finished=frozenset(self.finished),
            skipped=self.skipped,
            blocked_uids=frozenset(self.blocked) | frozenset(self.blocked_by),
            pull_list=self.pull_list,
            following_count=self.following_count,
            reach=self.reach,
            active_at=self.active_at,
            choice_version=self.choice_version,
            version=self.version,
        )


@dataclass(frozen=True, slots=True)
class PersonChange:
    """A person after a change, with raised versions, and the jobs that the change leaves."""

    person: Person
    jobs: tuple[Job, ...] = ()


def raise_versions(
    before: Person, after: Person, *, is_choice: bool = False, has_other_change: bool = False
) -> Person:
    """Return `after` with the versions that follow those of `before`, or `before` if nothing changed.

    `version` rises by one with every change. `choice_version` rises by one if genres or blocks differ, or if the
    change is a choice that no field shows (`is_choice`). `has_other_change` says that a value outside `Person` changed.
    """
    if after == before and not has_other_change:
        return before
    has_new_choice = is_choice or _choices(after) != _choices(before)
    return replace(
        after,
        version=before.version + 1,
        choice_version=before.choice_version + has_new_choice,
    )


def _choices(person: Person) -> tuple[tuple[str, ...], ...]:
    return person.genres, person.blocked, person.blocked_by
