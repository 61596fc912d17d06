"""Plain values about people that other apps may import. This module imports no models."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from core.units import DAY

MAX_UID_LENGTH: Final = 128
MAX_NAME_LENGTH: Final = 200
MAX_PICTURE_LENGTH: Final = 1_000
STATUSES: Final = ("watching", "watchlist", "finished")
ORIGINS: Final = ("search", "recommendation", "friend", "community")
UID_PATTERN: Final = rf"^[!-.0-z|~]{{1,{MAX_UID_LENGTH}}}$"


def is_followable_uid(text: str) -> bool:
    """Return whether `text` can be the uid of a person to follow: 1 to 128 printable ASCII characters, no blanks.

    Firebase makes uids of letters and digits; apps that make their own may use more characters. Slashes, braces,
    "." and ".." are excluded, because uids are part of URL paths.
    """
    return re.fullmatch(UID_PATTERN, text) is not None and text not in {".", ".."}


# Limits on what is stored of one person.
MAX_SEEN_ITEMS: Final = 5_000
MAX_FINISHED_TITLES: Final = 5_000
MAX_SKIPPED_TITLES: Final = 200
SKIPPED_TTL: Final = 30 * DAY  # counted back from the newest skip; older skips are removed
MAX_BLOCKS: Final = 1_000
# The newest. A block beyond the limit still ends follows, and the blocker's own list still has it.
MAX_BLOCKED_BY: Final = 10_000
MAX_FOLLOWS: Final = 100_000
MAX_LIST_OFFSET: Final = 10_000  # in a list of followers or followees; stores read all entries before it
MAX_PULLED_AUTHORS: Final = 20  # pull-delivered accounts that one viewer's plans merge

AFFINITY_GAIN_FIELDS: Final = ("movies_affinity_gain", "shows_affinity_gain")

_EMPTY_SUMS: Final[Mapping[str, float]] = MappingProxyType({})
_EMPTY_TIMES: Final[Mapping[str, int]] = MappingProxyType({})


class StoreUnavailable(Exception):
    """The activity store is unavailable; callers may retry after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Blocked(ValueError):
    """One of two people blocks the other."""


class LimitReached(ValueError):
    """A documented limit is reached; the message names it."""


# How an account's activities get to its followers: by push, by pull, or in transition to one of the two. In
# transition, activities are still pushed while the followers' pull lists change.
Reach = Literal["push", "to_pull", "pull", "to_push"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The part of a person that a plan needs, besides seen history and timeline.

    `genres` are the slugs that the viewer chose, in order; `affinities` genre → 0 to 1; `finished` title keys;
    `skipped` title key → epoch seconds; `blocked_uids` the people whom the viewer blocks or who block the viewer;
    `pull_list` the pull-delivered accounts that the viewer follows; `following_count` the number of people that they
    follow; `active_at` the epoch seconds of their newest activity. `version` rises at every change,
    `choice_version` only when the viewer's own choices change, which ends the current session.
    """

    uid: str
    name: str | None = None
    picture: str | None = None
    genres: tuple[str, ...] = ()
    affinities: Mapping[str, float] = field(default_factory=lambda: _EMPTY_SUMS)
    finished: frozenset[str] = frozenset()
    skipped: Mapping[str, int] = field(default_factory=lambda: _EMPTY_TIMES)
    blocked_uids: frozenset[str] = frozenset()
    pull_list: tuple[str, ...] = ()
    following_count: int = 0
    reach: Reach = "push"
    active_at: int = 0
    choice_version: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that a phone sends. None leaves the stored value unchanged.

    The affinity gains are what the chosen titles add to the person's affinity sums, by genre. They replace the gains
    of the titles chosen before.
    """

    genres: tuple[str, ...] | None = None
    providers: list[dict[str, object]] | None = None
    movies: list[dict[str, object]] | None = None
    shows: list[dict[str, object]] | None = None
    movies_affinity_gain: Mapping[str, float] | None = None
    shows_affinity_gain: Mapping[str, float] | None = None

    @property
    def given_values(self) -> dict[str, Any]:
        """The given values by name, without genres, which are stored with the person."""
        names = ("providers", "movies", "shows", *AFFINITY_GAIN_FIELDS)
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True)
class HistoryDelta:
    """The additions to a viewer's history from the viewer's events in one batch of a stream.

    `stream` names the stream and `end_id` the batch's last entry: with these two, a store recognises a repeat.
    `seen` is item id → epoch seconds, `skipped` title key → epoch seconds. `affinity_sums` is genre → a sum on the
    scale of `activity.rules.affinities.decay_scale`, `affinity_at` the epoch seconds of the newest event in it
    (0 if there is none).
    """

    stream: str
    end_id: str
    seen: Mapping[str, int] = field(default_factory=lambda: _EMPTY_TIMES)
    affinity_sums: Mapping[str, float] = field(default_factory=lambda: _EMPTY_SUMS)
    affinity_at: int = 0
    skipped: Mapping[str, int] = field(default_factory=lambda: _EMPTY_TIMES)


@dataclass(frozen=True, slots=True)
class Relation:
    """A person's state towards a title. An empty relation means that the title is off the person's lists."""

    status: str | None = None
    favorite: bool = False
    rating: int | None = None

    @property
    def is_empty(self) -> bool:
        return self.status is None and not self.favorite and self.rating is None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The progress of an activity's delivery.

    `follower_count` is counted at the start; `cursor` is the uid of the last follower delivered to, and empty before
    the first and after the last follower batch; `started_at` and `updated_at` are the epoch seconds of these batches.
    """

    follower_count: int = 0
    delivered_count: int = 0
    cursor: str = ""
    started_at: float | None = None
    updated_at: float | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A recorded relation of a person to a title.

    `at` (epoch seconds) is when the status or the favourite last changed: a rating alone does not move it. `version`
    rises at every change. An activity with an empty relation was undone. `origin` is where the person found the
    title; `affinity_gain` is what the relation adds to their affinity sums, by genre.
    """

    uid: str
    title: str
    relation: Relation
    at: int
    version: int
    recorded_at: float = 0.0
    origin: str | None = None
    affinity_gain: Mapping[str, float] = field(default_factory=lambda: _EMPTY_SUMS)
    ledger: Ledger = Ledger()


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The activity and profile after recording; `changed` is False for a repeat, which is not delivered."""

    activity: Activity
    profile: Profile
    changed: bool


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One author's relation to one title, as delivered to one viewer. `at` is epoch seconds."""

    author: str
    title: str
    at: int
    status: str | None = None
    favorite: bool = False
    rating: int | None = None
    author_name: str | None = None
    author_picture: str | None = None


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """A title with its supporters, newest first; `at` is that of the newest supporter."""

    title: str
    supporters: tuple[TimelineRow, ...]

    @property
    def at(self) -> int:
        return self.supporters[0].at


JobKind = Literal["deliver", "recheck", "backfill", "purge", "rebuild", "change_reach"]


@dataclass(frozen=True, slots=True)
class Job:
    """Work that a change left for later.

    deliver: the activity of `subject` on the title `target`; recheck: a second pass over its followers, when no
    delivery of an older version can still be writing; backfill, purge: the rows of the author `target` in the
    timeline of `subject`; rebuild: the timeline of `subject`; change_reach: the reach of `subject`.
    `due` is epoch seconds: the sweep queues a job that is not done by then. `first_due` is the `due` that the job
    was left with; postponing does not move it. The store sets it, and comparisons ignore it.
    """

    kind: JobKind
    subject: str
    target: str = ""
    version: int = 0
    due: float = 0.0
    first_due: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class FollowEdge:
    """A follow as one side lists it: the other side's uid and the epoch seconds at which it began."""

    uid: str
    at: float


StoredDocument = dict[str, Any]
