"""Signals and scores: their ranges, their direction, and values computed by hand."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.types import HourlyVotes
from content.types import Facts
from core.units import DAY
from feed import ranking, recipe
from feed.tests.chunks import GENRES, NOW, facts, vote_lists

TODAY = NOW // DAY


any_facts = st.builds(
    Facts,
    id=st.just("an-item"),
    title=st.just("movie:1"),
    genres=st.lists(st.sampled_from(GENRES), unique=True, max_size=5).map(tuple),
    popularity=st.floats(0, 1e9),
    tmdb_rating=st.floats(0, 10),
    tmdb_votes=st.integers(0, 10**9),
    released_day=st.none() | st.integers(-36_000, 60_000),
    published_at=st.integers(0, 2 * NOW),
    staff_boost=st.integers(-10, 10),
    hidden=st.booleans(),
)


affinity_maps = st.dictionaries(st.sampled_from(GENRES), st.floats(0, 1))


@given(any_facts, affinity_maps, st.floats(0, 1), st.integers(0, 1_000), st.booleans())
def test_every_signal_stays_in_its_range(
    item: Facts, taste: dict[str, float], rank: float, supporters: int, skipped: bool
) -> None:
    values = ranking.signals(
        item, rank=rank, supporters=supporters, affinities=taste, skipped=skipped, now=NOW
    )
    assert values._fields == recipe.RankingWeights._fields
    assert all(0 <= value <= 1 for value in values._replace(boost=0))
    assert -1 <= values.boost <= 1
    assert 0 <= ranking.rating(item) <= 1


@given(any_facts, vote_lists)
def test_an_index_score_is_the_rounded_sum_of_its_named_terms(item: Facts, votes: list[HourlyVotes]) -> None:
    terms = ranking.index_terms(item, votes, now=NOW)
    assert list(terms) == list(recipe.IndexWeights._fields)
    score = ranking.index_score(item, votes, now=NOW)
    assert score == round(sum(terms.values()), 6)
    assert -0.5 <= score <= 1.5


@given(any_facts)
def test_without_votes_popularity_rating_and_recency_count_40_25_35(item: Facts) -> None:
    plain = item._replace(staff_boost=0)
    recency = ranking.recency(plain, now=NOW)
    known = 0.40 * ranking.popularity(plain) + 0.25 * ranking.rating(plain) + 0.35 * recency
    assert ranking.index_score(plain, (), now=NOW) == pytest.approx(known / 2, abs=1e-6)


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_higher_popularity_never_counts_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert ranking.popularity(facts("i", popularity=less)) <= ranking.popularity(facts("i", popularity=more))


@given(st.floats(0, 10), st.floats(0, 10), st.integers(0, 10**6))
def test_a_better_rating_with_as_many_votes_never_counts_less(one: float, other: float, votes: int) -> None:
    less, more = sorted((one, other))
    worse, better = (facts("i", tmdb_rating=value, tmdb_votes=votes) for value in (less, more))
    assert ranking.rating(worse) <= ranking.rating(better)


@given(st.integers(-36_000, 60_000), st.integers(-36_000, 60_000))
def test_a_later_release_never_counts_less(one: int, other: int) -> None:
    older, newer = (facts("i", released_day=day) for day in sorted((one, other)))
    assert ranking.recency(older, now=NOW) <= ranking.recency(newer, now=NOW)


@given(st.integers(0, NOW), st.integers(0, NOW))
def test_a_later_publication_never_counts_less(one: int, other: int) -> None:
    older, newer = (facts("i", published_at=at) for at in sorted((one, other)))
    assert ranking.recency(older, now=NOW) <= ranking.recency(newer, now=NOW)


@given(st.integers(0, 50), st.integers(0, 50))
def test_more_friends_never_count_less(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    assert ranking.social(fewer) <= ranking.social(more)


def test_popularity_is_logarithmic_and_full_at_five_hundred() -> None:
    assert ranking.popularity(facts("i", popularity=0)) == 0
    # log(1 + 49) / log(1 + 500) = 3.912023 / 6.216606
    assert ranking.popularity(facts("i", popularity=49)) == pytest.approx(0.629286, abs=1e-6)
    assert ranking.popularity(facts("i", popularity=500)) == 1
    assert ranking.popularity(facts("i", popularity=3_000)) == 1


def test_a_rating_with_few_votes_is_close_to_the_prior() -> None:
    # without votes: the prior mean, 6.4 of 10
    assert ranking.rating(facts("i", tmdb_rating=10, tmdb_votes=0)) == pytest.approx(0.64)
    # (200 * 9 + 200 * 6.4) / 400 = 7.7
    assert ranking.rating(facts("i", tmdb_rating=9, tmdb_votes=200)) == pytest.approx(0.77)
    # (19,800 * 9 + 200 * 6.4) / 20,000 = 8.974
    assert ranking.rating(facts("i", tmdb_rating=9, tmdb_votes=19_800)) == pytest.approx(0.8974)


def test_recency_halves_with_age() -> None:
    today = facts("i", released_day=TODAY + 1, published_at=NOW)
    assert ranking.recency(today, now=NOW) == 1
    # Released three years ago and published 14 days ago, less the hours of today: both halves are halved.
    aged = facts("i", released_day=TODAY - 3 * 365, published_at=NOW - 14 * DAY)
    assert ranking.recency(aged, now=TODAY * DAY) == pytest.approx((0.5 + 0.5 ** (1 - _hours())) / 2)
    # Released six years ago: a quarter of one half. Nothing is left of a very old publication.
    old = facts("i", released_day=TODAY - 6 * 365, published_at=0)
    assert ranking.recency(old, now=TODAY * DAY) == pytest.approx(0.125)
    # Without a release date only the publication counts, for one half.
    assert ranking.recency(facts("i", released_day=None, published_at=NOW), now=NOW) == 0.5


def _hours() -> float:
    """Return the part of today that has passed at NOW, in half-lives of a publication."""
    return (NOW - TODAY * DAY) / DAY / recipe.ARRIVAL_HALF_LIFE_DAYS


def test_affinity_counts_the_first_genre_most() -> None:
    item = facts("i", genres=("drama", "war", "music"))
    # weights 1, 1/2, 1/3; their sum is 11/6
    assert ranking.affinity(item, {"drama": 0.8}) == pytest.approx(0.8 * 6 / 11)
    assert ranking.affinity(item, {"war": 0.8}) == pytest.approx(0.4 * 6 / 11)
    assert ranking.affinity(item, {"drama": 1, "war": 1, "music": 1}) == 1
    assert ranking.affinity(item, {"comedy": 1}) == 0
    assert ranking.affinity(facts("i"), {"drama": 1}) == 0


def test_each_friend_halves_the_distance_to_1() -> None:
    assert [ranking.social(n) for n in range(4)] == [0, 0.5, 0.75, 0.875]


def test_a_score_is_the_weighted_sum_of_its_signals() -> None:
    item = facts(
        "i", popularity=500, released_day=TODAY + 1, published_at=NOW, genres=("drama",), staff_boost=-4
    )
    score = ranking.score(item, rank=0.9, supporters=2, affinities={"drama": 0.8}, skipped=False, now=NOW)
    # 0.45 * 0.9 + 0.10 * 1 + 0.05 * 1 + 0.20 * 0.8 + 0.20 * 0.75 + 0.25 * -0.4
    # = 0.405  + 0.10     + 0.05     + 0.16       + 0.15        - 0.10
    assert score == 0.765
    skipped = ranking.score(item, rank=0.9, supporters=2, affinities={"drama": 0.8}, skipped=True, now=NOW)
    assert skipped == 0.465  # 0.30 less


def test_an_index_score_equals_the_sum_computed_by_hand() -> None:
    item = facts(
        "i",
        popularity=500,
        tmdb_rating=6.4,
        tmdb_votes=1_000,
        released_day=TODAY + 1,
        published_at=NOW,
        staff_boost=5,
    )
    # 0.50 * 0 + 0.20 * 1 + 0.125 * 0.64 + 0.175 * 1 + 0.50 * 0.5 = 0.20 + 0.08 + 0.175 + 0.25
    assert ranking.index_score(item, (), now=NOW) == 0.705
    # 200 views weigh 100, as much as the prior: 0.50 * 0.5 more
    assert ranking.index_score(item, [HourlyVotes(NOW, "view", 200)], now=NOW) == 0.955


def test_scores_have_six_digits() -> None:
    third = ranking.score(
        facts("i", popularity=7), rank=1 / 3, supporters=0, affinities={}, skipped=False, now=NOW
    )
    assert third == round(third, 6)
    assert ranking.popularity(facts("i", popularity=7)) == pytest.approx(log(8) / log(501))


def test_weights_of_the_recipe_add_up() -> None:
    """All positive weights but the boost add up to 1; a boost adds to that, and a skip subtracts."""
    ranker, index = recipe.RANKING_WEIGHTS, recipe.INDEX_WEIGHTS
    assert (
        ranker.rank + ranker.popularity + ranker.recency + ranker.affinity + ranker.social == pytest.approx(1)
    )
    assert index.engagement + index.popularity + index.rating + index.recency == pytest.approx(1)
