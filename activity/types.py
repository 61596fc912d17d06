"""What activity tells other apps of people: plain values, no models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

UID_LENGTH: Final = 128
NAMELESS: Final = "Someone you follow"

_NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


class StoreUnavailable(Exception):
    """The activity store gave no answer. Where nobody catches it, it is a 503."""

    retry_after: Final = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Profile:
    """The lite profile: all that a plan needs of a viewer besides seen items and timeline.

    `genres` are the slugs that the viewer chose, in order; `affinities` what was learned (0 to 1 each);
    `finished` title keys; `unwanted` the uids blocked by or blocking the viewer. `choice_version`
    rises when the viewer's own choices change (a new session starts), `version` at every change.
    """

    uid: str
    name: str | None = None
    picture: str | None = None
    genres: tuple[str, ...] = ()
    affinities: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    finished: frozenset[str] = frozenset()
    unwanted: frozenset[str] = frozenset()
    choice_version: int = 0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a phone syncs; None leaves the stored value as it is."""

    genres: tuple[str, ...] | None = None
    providers: list[dict[str, object]] | None = None
    movies: list[dict[str, object]] | None = None
    shows: list[dict[str, object]] | None = None


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
