"""Scores of items in the indexes, and of candidates for a viewer. Pure; all weights come from the recipe."""

from collections.abc import Iterable, Mapping
from math import fsum, log1p
from operator import mul
from typing import NamedTuple

from content.types import Facts
from feed import recipe

_DAY = 86_400
_POPULARITY_FULL = log1p(recipe.POPULARITY_FULL)

# Start of the hour (epoch seconds), event kind, number of viewers. Equals `analytics.types.HourlyVotes`, whose package
# imports Django.
HourlyVotes = tuple[int, str, int]


def popularity(facts: Facts) -> float:
    """Return TMDB popularity on a log scale, 1 at `POPULARITY_FULL`."""
    return min(log1p(facts.popularity) / _POPULARITY_FULL, 1.0)


def rating(facts: Facts) -> float:
    """Return the TMDB rating as 0 to 1, closer to the prior mean the fewer votes there are."""
    prior = recipe.RATING_PRIOR_VOTES
    weighted = facts.tmdb_votes * facts.tmdb_rating + prior * recipe.RATING_PRIOR_MEAN
    return weighted / (facts.tmdb_votes + prior) / 10


def recency(facts: Facts, *, now: int) -> float:
    """Return 0 to 1: half for the title's release, half for the item's publication here. Each decays with age."""
    today = now / _DAY
    arrived = _decay(today - facts.published_at / _DAY, recipe.ARRIVAL_HALF_LIFE_DAYS)
    if facts.released_day is None:
        return arrived / 2
    return (_decay(today - facts.released_day, recipe.RELEASE_HALF_LIFE_DAYS) + arrived) / 2


def affinity(facts: Facts, affinities: Mapping[str, float]) -> float:
    """Return the mean affinity of the item's genres; the first has weight 1, the second 1/2, the third 1/3."""
    liked = weights = 0.0
    for position, genre in enumerate(facts.genres, start=1):
        liked += affinities.get(genre, 0.0) / position
        weights += 1 / position
    return liked / weights if weights else 0.0


def social(supporters: int) -> float:
    """Return 1 - 0.5^supporters: one friend is 0.5, three are 0.875."""
    return 1 - 0.5**supporters


def engagement(votes: Iterable[HourlyVotes], *, now: int) -> float:
    """Return viewers' recent reactions to the item as 0 to 1: x / (x + ENGAGEMENT_PRIOR).

    x ≥ 0 is the sum over its votes of weight · number · 0.5^(age / half-life). Votes are as old as the start
    of their hour. Exponential decay, as in rankings of news and links, lets old votes fade without a cut-off. The prior
    is additive (Lidstone) smoothing: a few votes hardly move the mean. The order of votes makes no difference, and
    neither does the machine's way of adding.
    """
    half_life = recipe.ENGAGEMENT_HALF_LIFE
    weights = recipe.VOTE_WEIGHTS
    total = fsum(weights[kind] * number * _decay(now - hour, half_life) for hour, kind, number in votes)
    return max(total, 0.0) / (max(total, 0.0) + recipe.ENGAGEMENT_PRIOR)


def index_values(facts: Facts, votes: Iterable[HourlyVotes], *, now: int) -> dict[str, float]:
    """Return the unweighted terms of an item's score in the indexes (0 to 1; boost -1 to 1), named as in the recipe."""
    return {
        "engagement": engagement(votes, now=now),
        "popularity": popularity(facts),
        "rating": rating(facts),
        "recency": recency(facts, now=now),
        "boost": facts.staff_boost / 10,
    }


def index_terms(facts: Facts, votes: Iterable[HourlyVotes], *, now: int) -> dict[str, float]:
    """Return the weighted terms. Their rounded sum is the item's score in the indexes."""
    values = index_values(facts, votes, now=now)
    weights = recipe.INDEX_WEIGHTS
    return {name: weight * value for (name, value), weight in zip(values.items(), weights, strict=True)}


def index_score(facts: Facts, votes: Iterable[HourlyVotes], *, now: int) -> float:
    """Return the sum of `index_terms`, rounded so that all machines agree on the order."""
    return round(sum(index_terms(facts, votes, now=now).values()), recipe.SCORE_DIGITS)


class Signals(NamedTuple):
    """A candidate's unweighted signals for a viewer, in the order of the recipe's weights."""

    rank: float
    popularity: float
    recency: float
    affinity: float
    social: float
    boost: float
    skipped: float


def signals(
    facts: Facts, *, rank: float, supporters: int, affinities: Mapping[str, float], skipped: bool, now: int
) -> Signals:
    """Return a candidate's signals. `skipped`: the viewer recently skipped an item of its title."""
    return Signals(
        rank,
        popularity(facts),
        recency(facts, now=now),
        affinity(facts, affinities),
        social(supporters),
        facts.staff_boost / 10,
        float(skipped),
    )


def score(
    facts: Facts, *, rank: float, supporters: int, affinities: Mapping[str, float], skipped: bool, now: int
) -> float:
    """Return the weighted sum of the signals, rounded so that all machines agree."""
    values = signals(facts, rank=rank, supporters=supporters, affinities=affinities, skipped=skipped, now=now)
    # not `sum`: Python 3.12 changed its rounding
    return round(fsum(map(mul, recipe.RANKING_WEIGHTS, values)), recipe.SCORE_DIGITS)


def _decay(age: float, half_life: float) -> float:
    """Return 1 for age 0 or the future, halved with every half-life. Both are in the same unit."""
    return 0.5 ** (age / half_life) if age > 0 else 1.0
