"""The pipeline's promises, for whatever the sources return and whatever the viewer has done."""

import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from feed import mixing, pipeline, recipe
from feed.feed_types import FEED_TYPES, FOR_YOU
from feed.tests.chunks import NOW, Case, cases, facts
from feed.tests.test_mixing import assert_within_one
from feed.types import Candidate, Chunk, ChunkInputs, Pool

quick = settings(deadline=None, max_examples=150)


@quick
@given(cases())
def test_a_chunk_repeats_nothing_and_shows_nothing_that_a_filter_drops(case: Case) -> None:
    shown = [slot.id for slot in case.planned().slots]
    assert len(shown) == len(set(shown)) <= case.inputs.size
    assert set(shown) <= case.eligible()


@quick
@given(cases())
def test_an_item_of_several_sources_is_friends_before_personalized_before_trending(case: Case) -> None:
    for slot in case.planned().slots:
        assert slot.source == case.owner(slot.id)
        assert slot.reason == f"for {slot.source}"


@quick
@given(cases(most=80, size=100))
def test_every_prefix_keeps_its_shares_while_no_source_is_dry(case: Case) -> None:
    chunk = case.planned(start=0)
    given_to = [slot.source for slot in chunk.slots]
    left = Counter({name: len(case.eligible(name)) for name in FOR_YOU.shares})
    for length, source in enumerate(given_to):
        if min(left.values()) == 0:
            break
        left[source] -= 1
        if length + 1 >= 10:
            assert_within_one(given_to[: length + 1], dict(FOR_YOU.shares))


@quick
@given(cases())
def test_a_slot_is_passed_on_only_when_its_owner_has_nothing_left(case: Case) -> None:
    period = mixing.share_pattern(tuple(FOR_YOU.shares.items()))
    given_to = [slot.source for slot in case.planned().slots]
    for place, source in enumerate(given_to):
        owner = period[(case.inputs.start + place) % len(period)]
        if source != owner:
            assert owner not in given_to[place:]


@quick
@given(cases())
def test_what_was_served_lately_comes_back_only_where_a_pool_runs_short(case: Case) -> None:
    shown = {slot.id for slot in case.planned().slots}
    fresh = {name: case.eligible(name) - case.inputs.recently_served for name in FOR_YOU.shares}
    total = sum(map(len, fresh.values()))
    for name, weight in FOR_YOU.shares.items():
        due = -(-case.inputs.size * weight // 10)  # rounded up
        again = shown & case.inputs.recently_served & case.eligible(name)
        if total >= case.inputs.size:
            assert len(again) <= max(due - len(fresh[name]), 0)
    if total + len(case.eligible() & case.inputs.recently_served) >= case.inputs.size:
        assert len(shown) == case.inputs.size


@quick
@given(cases())
def test_every_drop_is_counted_once_under_the_name_of_its_filter(case: Case) -> None:
    chunk = case.planned()
    verdicts = Counter(verdict for item in case.found if (verdict := case.verdict(item)))
    hard = {name: number for name, number in chunk.drops.items() if name != "served_lately"}
    assert hard == dict(verdicts)
    lately = case.eligible() & case.inputs.recently_served
    shown = {slot.id for slot in chunk.slots}
    assert chunk.drops.get("served_lately", 0) == len(lately - shown)


@quick
@given(cases())
def test_the_chunk_counts_its_slots_by_source(case: Case) -> None:
    chunk = case.planned()
    assert chunk.shares == Counter(slot.source for slot in chunk.slots)


def paged(case: Case, *, kept: int) -> list[Chunk]:
    """The chunks of a session, extended until it is exhausted, with the attempts of `building.build_chunk`."""
    chunks: list[Chunk] = []
    taken = case.inputs.session_items
    sources = tuple(replace(source, rank_limit=kept) for source in FOR_YOU.sources)
    with patch.dict(FEED_TYPES, for_you=replace(FOR_YOU, sources=sources)):
        while not chunks or not chunks[-1].exhausted:
            for wider in (1, 4, 16, 64):
                start = case.inputs.start + sum(len(chunk.slots) for chunk in chunks)
                tail = chunks[-1].tail if chunks else ()
                chunk = case.planned(
                    start=start, session_items=taken, preceding=tail, rank_limit_factor=wider
                )
                if chunk.exhausted or len(chunk.slots) == case.inputs.size:
                    break
            assert chunk.slots or chunk.exhausted
            chunks.append(chunk)
            taken |= {slot.id for slot in chunk.slots}
    return chunks


@quick
@given(cases(most=40), st.sampled_from([3, 10, 1_000]))
def test_chunk_by_chunk_everything_eligible_comes_once_and_dry_tells_the_truth(case: Case, kept: int) -> None:
    chunks = paged(case, kept=kept)
    walked = [slot.id for chunk in chunks for slot in chunk.slots]
    assert Counter(walked) == Counter(case.eligible())
    assert all(chunk.slots for chunk in chunks[1:-1])


@given(cases(most=10))
def test_a_source_that_has_more_keeps_the_session_open(case: Case) -> None:
    pools = tuple(replace(pool, exhausted=pool.source != "personalized") for pool in case.inputs.pools)
    assert not case.planned(pools=pools, size=1_000).exhausted


@quick
@given(cases(), st.integers(0, 2**32))
def test_nothing_but_ranks_and_ids_decides_an_order(case: Case, seed: int) -> None:
    """Sets and mappings filled in another order make the same chunk."""
    rng = random.Random(seed)

    def again(values: frozenset[str]) -> frozenset[str]:
        return frozenset(rng.sample(sorted(values), len(values)))

    sets: dict[str, Any] = {
        name: again(getattr(case.inputs, name))
        for name in ("finished", "seen", "session_items", "recently_served")
    }
    taste = dict(rng.sample(sorted(case.inputs.affinities.items()), len(case.inputs.affinities)))
    known = dict(rng.sample(sorted(case.facts.items()), len(case.facts)))
    pools = tuple(rng.sample(case.inputs.pools, len(case.inputs.pools)))
    other = Case(replace(case.inputs, **sets, affinities=taste, pools=pools), known)
    assert other.planned() == case.planned()


def lone_items(number: int, source: str) -> list[Candidate]:
    """Each of a title and no genre of its own, so that diversity has nothing to move."""
    supporters = 1 if source == "friends" else 0
    return [Candidate(f"{source}-{n}", 1 - n / number, source, supporters) for n in range(number)]


def inputs_of(
    pools: dict[str, list[Candidate]], *, size: int = 400, session: str = "a session"
) -> ChunkInputs:
    made = tuple(Pool(name, tuple(candidates)) for name, candidates in pools.items())
    return ChunkInputs(feed="for_you", session=session, start=0, size=size, now=NOW, pools=made)


def order_of(pools: dict[str, list[Candidate]], source: str) -> list[str]:
    inputs = inputs_of(pools)
    known = {c.id: facts(c.id) for pool in pools.values() for c in pool}
    return [slot.id for slot in Case(inputs, known).planned().slots if slot.source == source]


@settings(quick, max_examples=30)
@given(missing=st.integers(0, 89), session=st.text("abc", max_size=3))
def test_a_missing_candidate_moves_others_by_one_rank_and_other_sources_not_at_all(
    missing: int, session: str
) -> None:
    whole = {name: lone_items(90, name) for name in FOR_YOU.shares}
    less = {**whole, "trending": [c for n, c in enumerate(whole["trending"]) if n != missing]}
    for name in ("friends", "personalized"):
        assert order_of(whole, name) == order_of(less, name)
    before, after = order_of(whole, "trending"), order_of(less, "trending")
    first = missing // recipe.SHUFFLE_TIER_SIZE * recipe.SHUFFLE_TIER_SIZE
    assert before[:first] == after[:first]  # tiers above it stay as they are
    for begin in range(first, len(before), recipe.SHUFFLE_TIER_SIZE):
        # Of each further tier one goes up and one comes in; those who stay keep their order.
        old, new = (
            before[begin : begin + recipe.SHUFFLE_TIER_SIZE],
            after[begin : begin + recipe.SHUFFLE_TIER_SIZE],
        )
        stayed = set(old) & set(new)
        assert len(stayed) >= len(old) - 2
        assert [i for i in old if i in stayed] == [i for i in new if i in stayed]


def test_equal_scores_are_ordered_by_id() -> None:
    pools = {"trending": [Candidate(i, 0.5, "trending") for i in ("c", "a", "d", "b")]}
    with patch.object(recipe, "SHUFFLE_TIER_SIZE", 1):  # no shuffle: the ranks as they are
        assert order_of(pools, "trending") == ["a", "b", "c", "d"]


def test_a_skip_pushes_the_titles_items_down_and_moves_nothing_else() -> None:
    found = lone_items(90, "trending")
    known = {c.id: facts(c.id) for c in found}
    siblings = ["trending-0", "trending-30"]
    known |= {item: facts(item, title="movie:skipped") for item in siblings}
    case = Case(inputs_of({"trending": found}), known)
    with patch.object(recipe, "SHUFFLE_TIER_SIZE", 1):
        usual = [slot.id for slot in case.planned().slots]
        skipped = [slot.id for slot in case.planned(skipped=frozenset({"movie:skipped"})).slots]
        assert case.planned(feed="trending", skipped=frozenset({"movie:skipped"})) == case.planned(
            feed="trending"
        )
    # -0.30 is as much as 0.30 / 0.45 of a rank: 60 of these 90 places (less the two that the siblings leave).
    assert [usual.index(item) for item in siblings] == [0, 30]
    assert [skipped.index(item) for item in siblings] == [58, 89]
    assert [i for i in usual if i not in siblings] == [i for i in skipped if i not in siblings]


def test_sessions_differ_in_order_but_hardly_in_what_comes_first() -> None:
    pools = {"trending": lone_items(60, "trending")}
    known = {c.id: facts(c.id) for c in pools["trending"]}
    first, second = (
        [slot.id for slot in Case(inputs_of(pools, session=s), known).planned().slots] for s in ("one", "two")
    )
    assert first != second
    for begin in range(0, 60, recipe.SHUFFLE_TIER_SIZE):
        assert set(first[begin : begin + recipe.SHUFFLE_TIER_SIZE]) == set(
            second[begin : begin + recipe.SHUFFLE_TIER_SIZE]
        )


def test_trending_keeps_the_order_of_its_index_and_filters_nothing_seen() -> None:
    candidates = lone_items(10, "trending")
    inputs = replace(
        inputs_of({"trending": candidates}),
        feed="trending",
        seen=frozenset({"trending-1"}),
        recently_served=frozenset({"trending-2"}),
        session_items=frozenset({"trending-3"}),
    )
    known = {c.id: facts(c.id, hidden=c.id == "trending-4") for c in candidates}
    chunk = Case(inputs, known).planned()
    assert [slot.id for slot in chunk.slots] == [f"trending-{n}" for n in (0, 1, 2, 5, 6, 7, 8, 9)]
    assert chunk.drops == {"in_session": 1, "hidden": 1}


# Reads a pickled case, writes the chunk's repr; imports the arithmetic only.
REPLAN = """
import pickle, sys
inputs, known = pickle.load(sys.stdin.buffer)
from feed import pipeline
chunk = pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), known)
print(repr((chunk.slots, chunk.tail, chunk.exhausted, sorted(chunk.drops.items()))))
assert "django" not in sys.modules
"""


def interpreters() -> list[str]:
    """This one, and those that FINISHD_PYTHONS names (separated as in PATH); they need no packages."""
    named = os.environ.get("FINISHD_PYTHONS", "")
    return [sys.executable, *(path for path in named.split(os.pathsep) if path)]


@pytest.mark.parametrize("interpreter", interpreters())
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_equal_inputs_make_equal_chunks_in_any_process(interpreter: str, hash_seed: str) -> None:
    rng = random.Random(hash_seed)
    items = [f"i{n}" for n in range(500)]
    known = {i: facts(i, title=f"movie:{rng.randrange(300)}", popularity=rng.random() * 500) for i in items}
    pools = {
        name: [Candidate(i, rng.random(), name, 1) for i in rng.sample(items, 300)] for name in FOR_YOU.shares
    }
    inputs = replace(inputs_of(pools), seen=frozenset(items[:40]), recently_served=frozenset(items[40:200]))
    chunk = pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), known)
    answer = subprocess.run(
        [interpreter, "-c", REPLAN],
        input=pickle.dumps((inputs, known)),
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(django_settings.BASE_DIR)},
        capture_output=True,
        check=True,
        timeout=30,
    )
    expected = repr((chunk.slots, chunk.tail, chunk.exhausted, sorted(chunk.drops.items())))
    assert answer.stdout.decode().strip() == expected
