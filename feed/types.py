"""The feed's plain values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from content.types import Facts

FactsById = Mapping[str, Facts]
TitleAndGenre = tuple[str, str | None]  # title key, primary genre


class Candidate(NamedTuple):
    """An item that a source offers.

    `score` is the source's own, 0 to 1. `supporters` is the number of followees who recommend the item.
    `social_fields` are the JSON fields that the following feed adds to the item.
    """

    id: str
    score: float
    reason: str
    supporters: int = 0
    social_fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A source's candidates, best first. `exhausted`: there are no others. `error`: the reason why there are none."""

    source: str
    candidates: tuple[Candidate, ...] = ()
    exhausted: bool = True
    error: str | None = None


class Slot(NamedTuple):
    """One position in a plan. `social_fields` as in Candidate."""

    id: str
    source: str
    reason: str
    score: float
    social_fields: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChunkInputs:
    """Everything that determines a chunk. Equal inputs make equal chunks, on every machine.

    `start` is the position of the chunk's first slot in its session; `now` is epoch seconds. `affinities` maps a genre
    slug to 0..1. `finished` and `skipped` (recently) are title keys. `seen`, `session_items` (those that the session
    already has) and `recently_served` (in other sessions) are item ids. `preceding` are the slots just before `start`.
    `rank_limit_factor` multiplies the sources' rank limits, for another attempt after filters left too few candidates.
    """

    feed: str
    session: str
    start: int
    size: int
    now: int
    pools: tuple[Pool, ...]
    affinities: Mapping[str, float] = field(default_factory=dict)
    finished: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    session_items: frozenset[str] = frozenset()
    recently_served: frozenset[str] = frozenset()
    preceding: tuple[TitleAndGenre, ...] = ()
    rank_limit_factor: int = 1


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Candidates whose facts are needed: by source and in order, `reserve` being those that a soft filter dropped.

    `dropped` maps the id of each dropped candidate to the filter that dropped it. `is_truncated`: a rank limit left
    candidates out.
    """

    candidates: Mapping[str, tuple[Candidate, ...]]
    reserve: Mapping[str, tuple[Candidate, ...]]
    dropped: Mapping[str, str]
    is_truncated: bool

    @property
    def ids(self) -> list[str]:
        groups = (*self.candidates.values(), *self.reserve.values())
        return list(dict.fromkeys(c.id for group in groups for c in group))


@dataclass(frozen=True, slots=True)
class Chunk:
    """The slots that one build adds to a plan.

    `tail` are title and genre of the last slots, the next chunk's `preceding`. `exhausted`: no candidates are left for
    another chunk. `drops` counts dropped candidates by filter, `shares` slots by source.
    """

    slots: tuple[Slot, ...]
    tail: tuple[TitleAndGenre, ...]
    exhausted: bool
    drops: Mapping[str, int]
    shares: Mapping[str, int]
