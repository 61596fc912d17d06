"""How the indexes are, for readiness, admin and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from content.services import cards
from feed import indexes, ranking


@dataclass(frozen=True, slots=True)
class Status:
    """Ages in seconds; all None and empty when there is no index."""

    generation: int | None
    age_seconds: float | None
    sizes: Mapping[str, int]
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an index's head; `terms` are those of its facts at build time, by name."""

    item: str
    score: float
    title: str
    terms: Mapping[str, float]


def status(*, now: float) -> Status:
    """Cost: 1 wait. Raises finishd.lib.redis.UNAVAILABLE."""
    pointer = indexes.current()
    if pointer is None:
        return Status(None, None, {})
    return Status(pointer.generation, max(now - pointer.built_at, 0.0), pointer.sizes, pointer.kept)


def head(name: str, *, count: int = 50) -> list[Entry]:
    """The first entries of an index with their terms; empty for an unknown one. Cost: 3 waits."""
    pointer = indexes.current()
    if pointer is None or name not in pointer.sizes:
        return []
    entries = indexes.head(pointer.generation, name, count)
    facts = cards.read_facts([item for item, _ in entries])
    return [
        Entry(item, score, facts[item].title, ranking.index_terms(facts[item], now=pointer.built_at))
        for item, score in entries
        if item in facts
    ]
