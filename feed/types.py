"""The words of the feed as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from content.types import Facts


class Candidate(NamedTuple):
    """What a source offers: `score` is the source's own (0 to 1), `supporters` how many friends stand behind it,
    `social` what the wire adds to an item of the following feed."""

    id: str
    score: float
    reason: str
    supporters: int = 0
    social: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """A source's answer, best first. `exhausted`: it has nothing beyond these. `error`: why it gave none."""

    source: str
    candidates: tuple[Candidate, ...] = ()
    exhausted: bool = True
    error: str | None = None


class Slot(NamedTuple):
    """One place in a plan; `social` as in Candidate."""

    id: str
    source: str
    reason: str
    score: float
    social: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChunkInputs:
    """All that a chunk of a plan is made from; equal inputs make equal chunks, anywhere.

    `start` is the session-wide position of its first slot (the mixer's state), `now` epoch seconds,
    `taste` genre slug → affinity, `finished` and `skipped` (lately) are titles, `taken` what the session
    already has, `lately` what the viewer was served in other sessions, `tail` (title, primary genre) of the
    slots just before `start`.
    `wider` times as many candidates as usual are kept for ranking: a deeper look when filters left too few.
    """

    feed: str
    session: str
    start: int
    size: int
    now: int
    pools: tuple[Pool, ...]
    taste: Mapping[str, float] = field(default_factory=dict)
    finished: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    lately: frozenset[str] = frozenset()
    tail: tuple[tuple[str, str | None], ...] = ()
    wider: int = 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """A planned chunk. `dry`: nothing is left for another one; `drops`: filter name → how many."""

    slots: tuple[Slot, ...]
    tail: tuple[tuple[str, str | None], ...]
    dry: bool
    drops: Mapping[str, int]
    shares: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Candidates that await their facts: per source in order, and those that come back if its pool runs short."""

    kept: Mapping[str, tuple[Candidate, ...]]
    reserve: Mapping[str, tuple[Candidate, ...]]
    drops: Mapping[str, int]
    cut: bool

    @property
    def ids(self) -> list[str]:
        groups = (*self.kept.values(), *self.reserve.values())
        return list(dict.fromkeys(c.id for group in groups for c in group))


FactsById = Mapping[str, Facts]
