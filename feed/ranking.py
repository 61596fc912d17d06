"""Scores: of an item in the indexes, and of a candidate for a viewer. Pure; all weights are the recipe's."""

from collections.abc import Iterable, Mapping
from math import fsum, log1p
from operator import mul
from typing import NamedTuple

from content.types import Facts
from feed import recipe

_DAY = 86_400
_POPULARITY_FULL = log1p(recipe.POPULARITY_FULL)

# As analytics has them: when the hour began (epoch seconds), what was done, how many viewers said so. Spelt out here,
# since the package that names them brings Django along.
Votes = tuple[int, str, int]


def popularity(facts: Facts) -> float:
    """TMDB popularity on a log scale, 1 at `POPULARITY_FULL`."""
    return min(log1p(facts.popularity) / _POPULARITY_FULL, 1.0)


def rating(facts: Facts) -> float:
    """The mean vote, drawn towards the prior while votes are few, as 0 to 1."""
    prior = recipe.RATING_PRIOR_VOTES
    weighted = facts.tmdb_votes * facts.tmdb_rating + prior * recipe.RATING_PRIOR_MEAN
    return weighted / (facts.tmdb_votes + prior) / 10


def recency(facts: Facts, *, now: int) -> float:
    """Half for how new the title is to the world, half for how new the item is here; each halves with age."""
    today = now / _DAY
    arrived = _decay(today - facts.published_at / _DAY, recipe.ARRIVAL_HALF_LIFE_DAYS)
    if facts.released_day is None:
        return arrived / 2
    return (_decay(today - facts.released_day, recipe.RELEASE_HALF_LIFE_DAYS) + arrived) / 2


def affinity(facts: Facts, taste: Mapping[str, float]) -> float:
    """The viewer's liking of the item's genres; the first counts full, the second half, the third a third."""
    liked = weights = 0.0
    for place, genre in enumerate(facts.genres, start=1):
        liked += taste.get(genre, 0.0) / place
        weights += 1 / place
    return liked / weights if weights else 0.0


def social(supporters: int) -> float:
    """Each further friend halves what is missing to 1: one friend is 0.5, three are 0.875."""
    return 1 - 0.5**supporters


def engagement(votes: Iterable[Votes], *, now: int) -> float:
    """What viewers lately did to the item, as 0 to 1: x / (x + PRIOR), where x ≥ 0 is the sum over its votes of
    worth · number · 0.5^(age / half-life), an hour's age being that of its beginning.

    Exponential decay by half-life, as lists of news and links have it, lets what is old go without a cut. The prior is
    additive smoothing (Lidstone's): as if so many votes without worth had come first, a few real ones hardly move the
    mean. The order of votes does not matter, nor does the machine's way of adding.
    """
    half_life = recipe.ENGAGEMENT_HALF_LIFE
    worth = fsum(recipe.VOTES[kind] * number * _decay(now - hour, half_life) for hour, kind, number in votes)
    return max(worth, 0.0) / (max(worth, 0.0) + recipe.ENGAGEMENT_PRIOR)


def index_values(facts: Facts, votes: Iterable[Votes], *, now: int) -> dict[str, float]:
    """What speaks for an item's place in the indexes, unweighted (0 to 1; boost -1 to 1), by the recipe's names."""
    return {
        "engagement": engagement(votes, now=now),
        "popularity": popularity(facts),
        "rating": rating(facts),
        "recency": recency(facts, now=now),
        "boost": facts.staff_boost / 10,
    }


def index_terms(facts: Facts, votes: Iterable[Votes], *, now: int) -> dict[str, float]:
    """The same, weighted; their rounded sum is the item's score in the indexes."""
    values = index_values(facts, votes, now=now)
    return {name: weight * value for (name, value), weight in zip(values.items(), recipe.INDEX, strict=True)}


def index_score(facts: Facts, votes: Iterable[Votes], *, now: int) -> float:
    """The sum of `index_terms`, rounded so that every machine agrees on the order."""
    return round(sum(index_terms(facts, votes, now=now).values()), recipe.SCORE_DIGITS)


class Signals(NamedTuple):
    """What is known of a candidate for a viewer, unweighted: in the order of the recipe's weights."""

    rank: float
    popularity: float
    recency: float
    affinity: float
    social: float
    boost: float
    skipped: float


def signals(
    facts: Facts, *, rank: float, supporters: int, taste: Mapping[str, float], skipped: bool, now: int
) -> Signals:
    """`skipped`: the viewer lately skipped an item of its title."""
    return Signals(
        rank,
        popularity(facts),
        recency(facts, now=now),
        affinity(facts, taste),
        social(supporters),
        facts.staff_boost / 10,
        float(skipped),
    )


def score(
    facts: Facts, *, rank: float, supporters: int, taste: Mapping[str, float], skipped: bool, now: int
) -> float:
    """The weighted sum of the signals, rounded; ties are broken by id."""
    known = signals(facts, rank=rank, supporters=supporters, taste=taste, skipped=skipped, now=now)
    # not `sum`: since Python 3.12 it rounds otherwise
    return round(fsum(map(mul, recipe.RANKER, known)), recipe.SCORE_DIGITS)


def _decay(age: float, half_life: float) -> float:
    """1 for now and the future, halved with every half-life; both in one unit."""
    return 0.5 ** (age / half_life) if age > 0 else 1.0
