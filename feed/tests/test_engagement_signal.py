"""Engagement as a term of the index score: its range, its decay, and the votes that move an item."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.types import EVENT_KINDS, EventKind, HourlyVotes
from content.types import Facts
from core.units import DAY, HOUR
from feed import ranking, recipe
from feed.tests.chunks import NOW, facts, vote_lists

TODAY = NOW // DAY


@given(vote_lists, st.randoms(use_true_random=False))
def test_engagement_is_0_to_1_and_the_same_in_any_order(votes: list[HourlyVotes], random: Random) -> None:
    shuffled = random.sample(votes, len(votes))
    assert 0 <= ranking.engagement(votes, now=NOW) <= 1
    assert ranking.engagement(shuffled, now=NOW) == ranking.engagement(votes, now=NOW)


@given(vote_lists, st.sampled_from(EVENT_KINDS), st.integers(1, 1_000))
def test_a_further_vote_never_lowers_engagement_and_a_skip_never_raises_it(
    votes: list[HourlyVotes], kind: EventKind, number: int
) -> None:
    before = ranking.engagement(votes, now=NOW)
    after = ranking.engagement([*votes, HourlyVotes(NOW, kind, number)], now=NOW)
    assert after <= before if kind == "skip" else after >= before


class TestEngagement:
    def test_nothing_done_is_nothing(self) -> None:
        assert ranking.engagement((), now=NOW) == 0

    def test_the_weight_of_votes_halves_every_six_hours(self) -> None:
        # 50 likes are worth 150, half of that 75, a quarter 37.5; the prior is 100
        assert ranking.engagement([HourlyVotes(NOW, "like", 50)], now=NOW) == 150 / 250
        assert ranking.engagement([HourlyVotes(NOW - 6 * HOUR, "like", 50)], now=NOW) == 75 / 175
        assert ranking.engagement([HourlyVotes(NOW - 12 * HOUR, "like", 50)], now=NOW) == 37.5 / 137.5
        # votes of a clock that is ahead do not count more
        assert ranking.engagement([HourlyVotes(NOW + HOUR, "like", 50)], now=NOW) == 150 / 250

    def test_few_votes_hardly_change_it(self) -> None:
        assert ranking.engagement([HourlyVotes(NOW, "like", 1)], now=NOW) == 3 / 103
        assert ranking.engagement([HourlyVotes(NOW, "like", 1_000)], now=NOW) == 3_000 / 3_100

    def test_skips_lower_it_to_0_at_most(self) -> None:
        # 20 * 3 - 10 * 1 = 50
        mixed = [HourlyVotes(NOW, "like", 20), HourlyVotes(NOW, "skip", 10)]
        assert ranking.engagement(mixed, now=NOW) == 50 / 150
        assert ranking.engagement([HourlyVotes(NOW, "like", 1), HourlyVotes(NOW, "skip", 4)], now=NOW) == 0

    def test_every_kind_has_a_weight_and_stronger_kinds_no_lower_one(self) -> None:
        assert set(recipe.VOTE_WEIGHTS) == set(EVENT_KINDS)
        worths = [recipe.VOTE_WEIGHTS[kind] for kind in EVENT_KINDS if kind != "skip"]
        assert worths == sorted(worths)


class TestEngagementInIndexes:
    """An obscure old film, compared with films that have no votes."""

    OBSCURE = facts("obscure", popularity=0, tmdb_rating=5, tmdb_votes=20, released_day=0, published_at=0)
    HIT = facts(
        "hit",
        popularity=200,
        tmdb_rating=7.5,
        tmdb_votes=2_000,
        released_day=TODAY - 60,
        published_at=NOW - 30 * DAY,
    )
    ORDINARY = facts(
        "ordinary", popularity=30, tmdb_rating=6.5, released_day=TODAY - 730, published_at=NOW - 60 * DAY
    )

    def score(self, item: Facts, *votes: HourlyVotes) -> float:
        return ranking.index_score(item, votes, now=NOW)

    def test_a_hundred_likes_in_an_hour_move_an_item_above_the_hits(self) -> None:
        begun = NOW - 59 * 60  # votes are as old as the start of their hour
        assert self.score(self.OBSCURE) < self.score(self.ORDINARY) < self.score(self.HIT)
        assert self.score(self.OBSCURE, HourlyVotes(begun, "like", 100)) > self.score(self.HIT)

    @pytest.mark.parametrize("kind", EVENT_KINDS)
    def test_one_viewer_who_votes_every_hour_does_not_move_an_item(self, kind: EventKind) -> None:
        hours = range(NOW - recipe.ENGAGEMENT_WINDOW, NOW + HOUR, HOUR)
        persistent = [HourlyVotes(hour, kind, 1) for hour in hours]
        assert self.score(self.OBSCURE, *persistent) < self.score(self.ORDINARY)
