"""The order of a chunk's slots, equal on every machine."""

import os
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from feed import pipeline, recipe
from feed.feed_types import FOR_YOU
from feed.tests.chunks import NO_RANK_LIMIT, NOW, Case, cases, facts
from feed.types import Candidate, ChunkInputs, Pool

quick = settings(deadline=None, max_examples=150)


@quick
@given(cases(), st.integers(0, 2**32))
def test_the_order_depends_on_ranks_and_ids_only(case: Case, seed: int) -> None:
    """Sets and mappings that were filled in another order make the same chunk."""
    rng = random.Random(seed)

    def again(values: frozenset[str]) -> frozenset[str]:
        return frozenset(rng.sample(sorted(values), len(values)))

    sets: dict[str, Any] = {
        name: again(getattr(case.inputs, name))
        for name in ("finished", "seen", "session_items", "recently_served")
    }
    taste = dict(rng.sample(sorted(case.inputs.affinities.items()), len(case.inputs.affinities)))
    facts_by_id = dict(rng.sample(sorted(case.facts.items()), len(case.facts)))
    pools = tuple(rng.sample(case.inputs.pools, len(case.inputs.pools)))
    other = Case(replace(case.inputs, **sets, affinities=taste, pools=pools), facts_by_id)
    assert other.plan_chunk() == case.plan_chunk()


def make_candidates(number: int, source: str) -> list[Candidate]:
    """Return candidates of different titles without genres, so that diversity moves none of them."""
    supporters = 1 if source == "friends" else 0
    return [Candidate(f"{source}-{n}", 1 - n / number, source, supporters) for n in range(number)]


def make_inputs(
    pools: dict[str, list[Candidate]], *, size: int = 400, session: str = "a session"
) -> ChunkInputs:
    made_pools = tuple(Pool(name, tuple(candidates)) for name, candidates in pools.items())
    return ChunkInputs(
        feed="for_you",
        session=session,
        start=0,
        size=size,
        now=NOW,
        pools=made_pools,
        rank_limit_factor=NO_RANK_LIMIT,
    )


def get_order(pools: dict[str, list[Candidate]], source: str) -> list[str]:
    inputs = make_inputs(pools)
    facts_by_id = {c.id: facts(c.id) for pool in pools.values() for c in pool}
    return [slot.id for slot in Case(inputs, facts_by_id).plan_chunk().slots if slot.source == source]


@settings(quick, max_examples=30)
@given(missing=st.integers(0, 89), session=st.text("abc", max_size=3))
def test_a_missing_candidate_moves_others_by_one_rank_and_other_sources_not_at_all(
    missing: int, session: str
) -> None:
    whole = {name: make_candidates(90, name) for name in FOR_YOU.shares}
    less = {**whole, "trending": [c for n, c in enumerate(whole["trending"]) if n != missing]}
    for name in FOR_YOU.shares.keys() - {"trending"}:
        assert get_order(whole, name) == get_order(less, name)
    before, after = get_order(whole, "trending"), get_order(less, "trending")
    first = missing // recipe.SHUFFLE_TIER_SIZE * recipe.SHUFFLE_TIER_SIZE
    assert before[:first] == after[:first]  # tiers above it do not change
    for begin in range(first, len(before), recipe.SHUFFLE_TIER_SIZE):
        # From each tier below, one candidate moves up and one moves in; the others keep their order.
        old, new = (
            before[begin : begin + recipe.SHUFFLE_TIER_SIZE],
            after[begin : begin + recipe.SHUFFLE_TIER_SIZE],
        )
        stayed = set(old) & set(new)
        assert len(stayed) >= len(old) - 2
        assert [i for i in old if i in stayed] == [i for i in new if i in stayed]


def test_equal_scores_are_ordered_by_id() -> None:
    pools = {"trending": [Candidate(i, 0.5, "trending") for i in ("c", "a", "d", "b")]}
    with patch.object(recipe, "SHUFFLE_TIER_SIZE", 1):  # without a shuffle
        assert get_order(pools, "trending") == ["a", "b", "c", "d"]


def test_a_skipped_title_moves_its_items_down_and_nothing_else() -> None:
    found = make_candidates(90, "trending")
    facts_by_id = {c.id: facts(c.id) for c in found}
    siblings = ["trending-0", "trending-30"]
    facts_by_id |= {item: facts(item, title="movie:skipped") for item in siblings}
    case = Case(make_inputs({"trending": found}), facts_by_id)
    with patch.object(recipe, "SHUFFLE_TIER_SIZE", 1):
        usual = [slot.id for slot in case.plan_chunk().slots]
        skipped = [slot.id for slot in case.plan_chunk(skipped=frozenset({"movie:skipped"})).slots]
        assert case.plan_chunk(feed="trending", skipped=frozenset({"movie:skipped"})) == case.plan_chunk(
            feed="trending"
        )
    # -0.30 is as much as 0.30 / 0.45 of a rank: 60 of these 90 positions (less the two that the siblings leave).
    assert [usual.index(item) for item in siblings] == [0, 30]
    assert [skipped.index(item) for item in siblings] == [58, 89]
    assert [i for i in usual if i not in siblings] == [i for i in skipped if i not in siblings]


def test_sessions_differ_in_order_within_tiers_only() -> None:
    pools = {"trending": make_candidates(60, "trending")}
    facts_by_id = {c.id: facts(c.id) for c in pools["trending"]}
    first, second = (
        [slot.id for slot in Case(make_inputs(pools, session=s), facts_by_id).plan_chunk().slots]
        for s in ("one", "two")
    )
    assert first != second
    for begin in range(0, 60, recipe.SHUFFLE_TIER_SIZE):
        assert set(first[begin : begin + recipe.SHUFFLE_TIER_SIZE]) == set(
            second[begin : begin + recipe.SHUFFLE_TIER_SIZE]
        )


def test_trending_keeps_the_order_of_its_index_and_shows_seen_items() -> None:
    candidates = make_candidates(10, "trending")
    inputs = replace(
        make_inputs({"trending": candidates}),
        feed="trending",
        seen=frozenset({"trending-1"}),
        recently_served=frozenset({"trending-2"}),
        session_items=frozenset({"trending-3"}),
    )
    facts_by_id = {c.id: facts(c.id, hidden=c.id == "trending-4") for c in candidates}
    chunk = Case(inputs, facts_by_id).plan_chunk()
    assert [slot.id for slot in chunk.slots] == [f"trending-{n}" for n in (0, 1, 2, 5, 6, 7, 8, 9)]
    assert chunk.drops == {"in_session": 1, "hidden": 1}


# Reads a pickled case and prints the chunk's repr. Imports pure modules only.
REPLAN = """
import pickle, sys
inputs, facts_by_id = pickle.load(sys.stdin.buffer)
from feed import pipeline
chunk = pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), facts_by_id)
print(repr((chunk.slots, chunk.tail, chunk.exhausted, sorted(chunk.drops.items()))))
assert "django" not in sys.modules
"""


def get_interpreters() -> list[str]:
    """Return this interpreter and those in FINISHD_PYTHONS (separated as in PATH). They need no packages."""
    named = os.environ.get("FINISHD_PYTHONS", "")
    return [sys.executable, *(path for path in named.split(os.pathsep) if path)]


@pytest.mark.parametrize("interpreter", get_interpreters())
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_equal_inputs_make_equal_chunks_in_every_process(interpreter: str, hash_seed: str) -> None:
    rng = random.Random(hash_seed)
    items = [f"i{n}" for n in range(500)]
    facts_by_id = {
        i: facts(i, title=f"movie:{rng.randrange(300)}", popularity=rng.random() * 500) for i in items
    }
    pools = {
        name: [Candidate(i, rng.random(), name, 1) for i in rng.sample(items, 300)] for name in FOR_YOU.shares
    }
    inputs = replace(make_inputs(pools), seen=frozenset(items[:40]), recently_served=frozenset(items[40:200]))
    chunk = pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), facts_by_id)
    answer = subprocess.run(
        [interpreter, "-c", REPLAN],
        input=pickle.dumps((inputs, facts_by_id)),
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(django_settings.BASE_DIR)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    expected = repr((chunk.slots, chunk.tail, chunk.exhausted, sorted(chunk.drops.items())))
    assert answer.stdout.decode().strip() == expected
