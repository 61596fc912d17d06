"""Properties of a chunk, for all pools and viewers."""

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from feed import mixing
from feed.feed_types import FEED_TYPES, FOR_YOU
from feed.filters import IdFilter
from feed.tests.chunks import Case, cases
from feed.tests.test_mixing import assert_within_one
from feed.types import Chunk

quick = settings(deadline=None, max_examples=150)


@quick
@given(cases())
def test_a_chunk_has_no_repeats_and_no_dropped_items(case: Case) -> None:
    shown = [slot.id for slot in case.plan_chunk().slots]
    assert len(shown) == len(set(shown)) <= case.inputs.size
    assert set(shown) <= case.get_eligible()


@quick
@given(cases())
def test_an_item_of_several_sources_belongs_to_the_first_of_them_in_the_feed_type(case: Case) -> None:
    for slot in case.plan_chunk().slots:
        assert slot.source == case.get_owner(slot.id)
        assert slot.reason == f"for {slot.source}"


@quick
@given(cases(most=80, size=100))
def test_every_prefix_keeps_the_shares_while_no_source_is_exhausted(case: Case) -> None:
    chunk = case.plan_chunk(start=0)
    owners = [slot.source for slot in chunk.slots]
    left = Counter({name: len(case.get_eligible(name)) for name in FOR_YOU.shares})
    for length, source in enumerate(owners):
        if min(left.values()) == 0:
            break
        left[source] -= 1
        assert_within_one(owners[: length + 1], dict(FOR_YOU.shares))


@quick
@given(cases())
def test_a_fallback_takes_a_slot_only_when_the_owner_is_exhausted(case: Case) -> None:
    pattern = mixing.share_pattern(tuple(FOR_YOU.shares.items()))
    owners = [slot.source for slot in case.plan_chunk().slots]
    for position, source in enumerate(owners):
        owner = pattern[(case.inputs.start + position) % len(pattern)]
        if source != owner:
            assert owner not in owners[position:]


@quick
@given(cases())
def test_recently_served_items_come_back_only_where_a_pool_runs_short(case: Case) -> None:
    shown = {slot.id for slot in case.plan_chunk().slots}
    fresh = {name: case.get_eligible(name) - case.inputs.recently_served for name in FOR_YOU.shares}
    total = sum(map(len, fresh.values()))
    for name, share in FOR_YOU.shares.items():
        due = -(-case.inputs.size * share // sum(FOR_YOU.shares.values()))  # rounded up
        again = shown & case.inputs.recently_served & case.get_eligible(name)
        if total >= case.inputs.size:
            assert len(again) <= max(due - len(fresh[name]), 0)
    if total + len(case.get_eligible() & case.inputs.recently_served) >= case.inputs.size:
        assert len(shown) == case.inputs.size


@quick
@given(cases())
def test_every_drop_is_counted_once_by_filter(case: Case) -> None:
    chunk = case.plan_chunk()
    expected = Counter(drop for item in case.found if (drop := case.get_drop(item)))
    hard = {name: number for name, number in chunk.drops.items() if name != "recently_served"}
    assert hard == dict(expected)
    recently_served = case.get_eligible() & case.inputs.recently_served
    shown = {slot.id for slot in chunk.slots}
    assert chunk.drops.get("recently_served", 0) == len(recently_served - shown)


@quick
@given(cases(), st.booleans())
def test_drops_of_several_soft_filters_are_counted_by_the_first_filter_that_drops_an_item(
    case: Case, is_last: bool
) -> None:
    disliked = frozenset(sorted(case.found)[::3])
    soft = IdFilter("disliked", lambda inputs: disliked, soft=True)
    id_filters = (*FOR_YOU.id_filters, soft) if is_last else (soft, *FOR_YOU.id_filters)
    with patch.dict(FEED_TYPES, for_you=replace(FOR_YOU, id_filters=id_filters)):
        chunk = case.plan_chunk()
    recently_served = case.inputs.recently_served
    if is_last:
        expected = {"recently_served": recently_served, "disliked": disliked - recently_served}
    else:
        expected = {"recently_served": recently_served - disliked, "disliked": disliked}
    not_shown = case.get_eligible() - {slot.id for slot in chunk.slots}
    for name, dropped in expected.items():
        assert chunk.drops.get(name, 0) == len(dropped & not_shown)


@quick
@given(cases())
def test_the_chunk_counts_its_slots_by_source(case: Case) -> None:
    chunk = case.plan_chunk()
    assert chunk.shares == Counter(slot.source for slot in chunk.slots)


def plan_all_chunks(case: Case, *, rank_limit: int) -> list[Chunk]:
    """Return the chunks of a session, extended until its plan is exhausted, with the attempts of `build_chunk`."""
    chunks: list[Chunk] = []
    session_items = case.inputs.session_items
    sources = tuple(replace(source, rank_limit=rank_limit) for source in FOR_YOU.sources)
    with patch.dict(FEED_TYPES, for_you=replace(FOR_YOU, sources=sources)):
        while not chunks or not chunks[-1].exhausted:
            for rank_limit_factor in (1, 4, 16, 64):
                start = case.inputs.start + sum(len(chunk.slots) for chunk in chunks)
                preceding = chunks[-1].tail if chunks else ()
                chunk = case.plan_chunk(
                    start=start,
                    session_items=session_items,
                    preceding=preceding,
                    rank_limit_factor=rank_limit_factor,
                )
                if chunk.exhausted or len(chunk.slots) == case.inputs.size:
                    break
            assert chunk.slots or chunk.exhausted
            chunks.append(chunk)
            session_items |= {slot.id for slot in chunk.slots}
    return chunks


@quick
@given(cases(most=40), st.sampled_from([3, 10, 1_000]))
def test_all_chunks_together_have_every_eligible_item_once(case: Case, rank_limit: int) -> None:
    chunks = plan_all_chunks(case, rank_limit=rank_limit)
    walked = [slot.id for chunk in chunks for slot in chunk.slots]
    assert Counter(walked) == Counter(case.get_eligible())
    assert all(chunk.slots for chunk in chunks[1:-1])


@given(cases(most=10))
def test_a_plan_is_not_exhausted_while_a_source_is_not(case: Case) -> None:
    pools = tuple(replace(pool, exhausted=pool.source != "personalized") for pool in case.inputs.pools)
    assert not case.plan_chunk(pools=pools, size=1_000).exhausted
