"""Why an item ranks where it does."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from content.services import cards, items
from content.types import Facts
from feed import engagement, indexes, ranking, recipe
from feed.indexes import Current

State = Literal["unknown", "unpublished", "hidden", "published"]
# Why no index holds what is published: staff hide it, it was published since the build, the index has no room for
# more, or it was changed since (shown again, published again).
Absence = Literal["hidden", "new", "full", "changed"]


@dataclass(frozen=True, slots=True)
class Term:
    """One reason to rank higher: `value` is 0 to 1 (boost -1 to 1)."""

    name: str
    value: float
    weight: float

    @property
    def weighted(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class Ranked:
    """What an item's score is made of, as of `at` (epoch seconds); `votes` are those it rests on, by kind."""

    at: int
    title: str
    terms: tuple[Term, ...]
    votes: Mapping[str, int]
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`ranked` is None for an item that is unknown or not published; `current` where there is no index.

    `place` is (place from 1, score) in the current trending index, None where it does not hold the item: `absence`
    says why. Its score there is of the build; `ranked` is what a rebuild would make of the item now.
    """

    item: str
    state: State
    ranked: Ranked | None = None
    current: Current | None = None
    place: tuple[int, float] | None = None
    absence: Absence | None = None


def explain(item: str, *, now: int) -> Explanation:
    """An item's terms as of `now` and its place in the trending index.

    Cost: 3 waits, 1 SQL. Raises core.redis.client.UNAVAILABLE.
    """
    facts = cards.get_facts([item]).get(item)
    if facts is None:
        return Explanation(item, "unpublished" if items.get_existing_ids([item]) else "unknown")
    current = indexes.current()
    place = indexes.place(current.generation, indexes.TRENDING, item) if current else None
    return Explanation(
        item=item,
        state="hidden" if facts.hidden else "published",
        ranked=_ranked(facts, at=now),
        current=current,
        place=place,
        absence=_absence(facts, current) if current and not place else None,
    )


def _absence(facts: Facts, current: Current) -> Absence:
    if facts.hidden:
        return "hidden"
    if facts.published_at > current.built_at:
        return "new"
    return "full" if current.sizes.get(indexes.TRENDING, 0) >= recipe.INDEX_CAP else "changed"


def _ranked(facts: Facts, *, at: int) -> Ranked:
    votes = engagement.votes([facts.id], now=at).get(facts.id, [])
    kinds: Counter[str] = Counter()
    for vote in votes:
        kinds[vote.kind] += vote.votes
    values = ranking.index_values(facts, votes, now=at)
    terms = (
        Term(name, value, weight) for (name, value), weight in zip(values.items(), recipe.INDEX, strict=True)
    )
    return Ranked(at, facts.title, tuple(terms), kinds, ranking.index_score(facts, votes, now=at))
