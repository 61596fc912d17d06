"""Explanations of the ranks of items."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from content.services import cards, items
from content.types import Facts
from feed import engagement, indexes, ranking, recipe
from feed.indexes import IndexPointer

State = Literal["unknown", "unpublished", "hidden", "published"]
# Why a published item is not in the index: it is hidden, it was published after the build, the index is full, or it
# changed after the build (unhidden or published again).
Absence = Literal["hidden", "new", "full", "changed"]


@dataclass(frozen=True, slots=True)
class Term:
    """One term of an item's score: `value` is 0 to 1 (boost -1 to 1)."""

    name: str
    value: float
    weight: float

    @property
    def weighted(self) -> float:
        return self.value * self.weight


@dataclass(frozen=True, slots=True)
class ScoreTerms:
    """An item's score and its terms as of `at` (epoch seconds). `votes` are those in the engagement term, by kind."""

    at: int
    title: str
    terms: tuple[Term, ...]
    votes: Mapping[str, int]
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`score_terms` is None for an item that is unknown or not published, `index_pointer` if there is no index.

    `rank` is (rank from 1, score) in the current trending index. It is None if the item is not there; `absence` says
    why. The score there is that of the build, `score_terms` has the score that a rebuild would give the item now.
    """

    item: str
    state: State
    score_terms: ScoreTerms | None = None
    index_pointer: IndexPointer | None = None
    rank: tuple[int, float] | None = None
    absence: Absence | None = None


def explain_rank(item: str, *, now: int) -> Explanation:
    """Return an item's terms as of `now` and its rank in the trending index.

    Cost: 3 round trips, 1 SQL query. Raises core.outages.REDIS_UNAVAILABLE errors.
    """
    facts = cards.get_facts([item]).get(item)
    if facts is None:
        return Explanation(item, "unpublished" if items.get_existing_ids([item]) else "unknown")
    pointer = indexes.get_pointer()
    rank = indexes.get_rank(pointer.generation, indexes.TRENDING, item) if pointer else None
    return Explanation(
        item=item,
        state="hidden" if facts.hidden else "published",
        score_terms=_get_score_terms(facts, now=now),
        index_pointer=pointer,
        rank=rank,
        absence=_get_absence(facts, pointer) if pointer and not rank else None,
    )


def _get_absence(facts: Facts, pointer: IndexPointer) -> Absence:
    if facts.hidden:
        return "hidden"
    if facts.published_at > pointer.built_at:
        return "new"
    return "full" if pointer.sizes.get(indexes.TRENDING, 0) >= recipe.MAX_INDEX_ITEMS else "changed"


def _get_score_terms(facts: Facts, *, now: int) -> ScoreTerms:
    votes = engagement.get_votes([facts.id], now=now).get(facts.id, [])
    votes_by_kind: Counter[str] = Counter()
    for vote in votes:
        votes_by_kind[vote.kind] += vote.votes
    values = ranking.index_values(facts, votes, now=now)
    weights = recipe.INDEX_WEIGHTS
    terms = tuple(
        Term(name, value, weight) for (name, value), weight in zip(values.items(), weights, strict=True)
    )
    return ScoreTerms(now, facts.title, terms, votes_by_kind, ranking.index_score(facts, votes, now=now))
