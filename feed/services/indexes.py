"""How the indexes are, for readiness, admin and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from content.services import cards
from feed import engagement, indexes, ranking


@dataclass(frozen=True, slots=True)
class Status:
    """Ages in seconds; all None and empty when there is no index."""

    generation: int | None
    age_seconds: float | None
    sizes: Mapping[str, int]
    kept: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an index's head; `terms` by name, as of the build, of what is known of the item now."""

    item: str
    score: float
    title: str
    terms: Mapping[str, float]


def status(*, now: float) -> Status:
    """Cost: 1 wait. Raises core.redis.client.UNAVAILABLE."""
    pointer = indexes.current()
    if pointer is None:
        return Status(None, None, {})
    return Status(pointer.generation, max(now - pointer.built_at, 0.0), pointer.sizes, pointer.kept)


def head(name: str, *, count: int = 50) -> list[Entry]:
    """The first entries of an index with their terms; empty for an unknown one. Cost: 3 waits, 1 SQL."""
    pointer = indexes.current()
    if pointer is None or name not in pointer.sizes:
        return []
    entries = indexes.head(pointer.generation, name, count)
    ids = [item for item, _ in entries]
    facts, now = cards.get_facts(ids), pointer.built_at
    votes = engagement.votes(ids, now=now)
    return [
        Entry(item, score, facts[item].title, ranking.index_terms(facts[item], votes.get(item, ()), now=now))
        for item, score in entries
        if item in facts
    ]
