"""What activity tells other apps of people: plain values, no models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from core.units import DAY

UID_LENGTH: Final = 128
STATUSES: Final = ("watching", "watchlist", "finished")
SOURCES: Final = ("search", "recommendation", "friend", "community")
NAMELESS: Final = "Someone you follow"
NAME_LENGTH: Final = 200
PICTURE_LENGTH: Final = 1_000
UID_PATTERN: Final = rf"^[!-.0-z|~]{{1,{UID_LENGTH}}}$"


def is_uid(text: str) -> bool:
    """Whether this can be the uid of somebody to follow: 1 to 128 printable ASCII characters without blanks.

    Firebase makes letters and digits, apps that make their own may add more; slashes, braces and mere dots
    are left to paths.
    """
    return re.fullmatch(UID_PATTERN, text) is not None and text not in {".", ".."}


# Bounds of what is kept of one person.
SEEN_KEPT: Final = 5_000
FINISHED_KEPT: Final = 5_000
SKIPPED_KEPT: Final = 200
SKIPPED_SECONDS: Final = 30 * DAY  # behind the newest; an older skip is forgotten
BLOCKS_KEPT: Final = 1_000
BLOCKED_BY_KEPT: Final = (
    10_000  # newest; beyond it a block still ends follows, and holds on the blocker's side
)
FOLLOWS_KEPT: Final = 100_000
PULLED_READ: Final = 20  # many-follower accounts that one viewer's plans merge

LIKINGS: Final = ("movies_liking", "shows_liking")

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})
_NEVER: Final[Mapping[str, int]] = MappingProxyType({})


class StoreUnavailable(Exception):
    """The activity store gave no answer; to be tried again after `retry_after` seconds."""

    retry_after = 5.0


class Blocked(ValueError):
    """There is a block between these two people."""


class LimitReached(ValueError):
    """A documented cap; the message names it."""


# How an account's deeds reach its followers: pushed to each of them, pulled by each of their plans, or
# on the way from one to the other (still pushed, while followers are told to pull, or the reverse).
Reach = Literal["pushed", "rising", "pulled", "sinking"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The lite profile: all that a plan needs of a viewer besides seen items and timeline.

    `genres` are the slugs that the viewer chose, in order; `affinities` what was learned (0 to 1 each);
    `finished` title keys; `skipped` title key → epoch seconds; `unwanted` the uids blocked by or blocking the
    viewer; `pulled` the many-follower accounts among those they follow; `following` how many they follow; `reach`
    how their own deeds travel. `choice_version` rises when the viewer's own choices change (a new session starts),
    `version` at every change.
    """

    uid: str
    name: str | None = None
    picture: str | None = None
    genres: tuple[str, ...] = ()
    affinities: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    finished: frozenset[str] = frozenset()
    skipped: Mapping[str, int] = field(default_factory=lambda: _NEVER)
    unwanted: frozenset[str] = frozenset()
    pulled: tuple[str, ...] = ()
    following: int = 0
    reach: Reach = "pushed"
    active_at: int = 0  # epoch seconds of the newest deed
    choice_version: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a phone syncs; None leaves the stored value as it is.

    The likings are what the chosen titles add to the person's genres: they take the place of what those chosen
    before added.
    """

    genres: tuple[str, ...] | None = None
    providers: list[dict[str, object]] | None = None
    movies: list[dict[str, object]] | None = None
    shows: list[dict[str, object]] | None = None
    movies_liking: Mapping[str, float] | None = None
    shows_liking: Mapping[str, float] | None = None

    @property
    def stated(self) -> dict[str, Any]:
        """What is kept besides genres, without what is left as it is."""
        names = ("providers", "movies", "shows", *LIKINGS)
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class Slice:
    """What one viewer's events in one stretch of a stream came to.

    `stream` names the stream, `upto` is the id of the stretch's last entry: by the two a store knows what it has.
    `seen` is item id → epoch seconds, `skipped` title key → the same. `learned` is genre → a sum in the measure of
    `activity.store.taste.grown`, `learned_at` the newest event in it, in epoch seconds (0: nothing learned).
    """

    stream: str
    upto: str
    seen: Mapping[str, int] = field(default_factory=lambda: _NEVER)
    learned: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    learned_at: int = 0
    skipped: Mapping[str, int] = field(default_factory=lambda: _NEVER)


@dataclass(frozen=True, slots=True)
class Relation:
    """A person's whole relation to a title. Nothing in it: the title is off their lists."""

    status: str | None = None
    favorite: bool = False
    rating: int | None = None

    @property
    def empty(self) -> bool:
        return self.status is None and not self.favorite and self.rating is None


@dataclass(frozen=True, slots=True)
class Ledger:
    """How far an activity's delivery is: followers when it began, delivered so far, where it goes on (`cursor`:
    the last follower served, by uid), first and last chunk in epoch seconds."""

    followers: int = 0
    delivered: int = 0
    cursor: str = ""
    first_at: float | None = None
    last_at: float | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """One person did one thing to one title. `at` (epoch seconds) is when their status or favourite last
    changed: a rating alone does not move it. `version` rises at every change; an empty relation is an undone one.
    `liking` is what it adds to the person's genres."""

    uid: str
    title: str
    relation: Relation
    at: int
    version: int
    recorded_at: float = 0.0
    source: str | None = None
    liking: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    ledger: Ledger = Ledger()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did; `changed` is False for a repeat, which nothing is delivered for."""

    activity: Activity
    profile: Profile
    changed: bool


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One person's relation to one title, as delivered to one viewer. `at` is epoch seconds."""

    actor: str
    title: str
    at: int
    status: str | None = None
    favorite: bool = False
    rating: int | None = None
    actor_name: str | None = None
    actor_picture: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A title with its supporters, newest first; `at` is the newest supporter's."""

    title: str
    supporters: tuple[TimelineRow, ...]

    @property
    def at(self) -> int:
        return self.supporters[0].at


JobKind = Literal["deliver", "settle", "backfill", "purge", "rebuild", "cross"]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that a change left to do, kept until it is done: `subject` acts upon `target`.

    deliver: subject's activity on the title `target`; settle: the same once more, when no delivery of an
    older version can still be writing; backfill, purge: `target`'s deeds to, from the
    timeline of `subject`; rebuild: the timeline of `subject`; cross: the reach of `subject`.
    `due` is epoch seconds: not finished by then, beat queues it again. `first_due` is the due it was left
    with, which no postponing moves: the store fills it in, and it does not count in comparisons.
    """

    kind: JobKind
    subject: str
    target: str = ""
    version: int = 0
    due: float = 0.0
    first_due: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Edge:
    """A follow as one side lists it: the other's uid and when it began, in epoch seconds."""

    uid: str
    at: float


Document = dict[str, Any]
