"""The state of the indexes, for readiness, admin pages and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

from content.services import cards
from feed import engagement, indexes, ranking


@dataclass(frozen=True, slots=True)
class Status:
    """The current generation, its age and the size of every index by name. None and empty if there is no index."""

    generation: int | None
    age_seconds: float | None
    sizes: Mapping[str, int]
    older_generations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RankedItem:
    """An entry of an index. `terms` by name are those at the time of the build, from the item's present facts."""

    item: str
    score: float
    title: str
    terms: Mapping[str, float]


def get_status(*, now: float) -> Status:
    """Return the state of the indexes. Cost: 1 round trip. Raises core.outages.REDIS_UNAVAILABLE errors."""
    pointer = indexes.get_pointer()
    if pointer is None:
        return Status(None, None, {})
    age = max(now - pointer.built_at, 0.0)
    return Status(pointer.generation, age, pointer.sizes, pointer.older_generations)


def get_top_entries(name: str, *, limit: int = 50) -> list[RankedItem]:
    """Return the first entries of an index with their terms; none for an unknown index. Cost: 3 round trips, 1 SQL."""
    pointer = indexes.get_pointer()
    if pointer is None or name not in pointer.sizes:
        return []
    entries = indexes.get_top(pointer.generation, name, limit)
    ids = [item for item, _ in entries]
    facts, now = cards.get_facts(ids), pointer.built_at
    votes = engagement.get_votes(ids, now=now)
    return [
        RankedItem(
            item,
            score,
            facts[item].title,
            ranking.index_terms(facts[item], votes.get(item, ()), now=now),
        )
        for item, score in entries
        if item in facts
    ]
