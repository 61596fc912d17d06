"""A chunk of a plan from its inputs: shortlist, facts, rank, shuffle, mix, diversify. Pure.

Only the shortlist's facts are fetched in between, so the pipeline is two functions. `feed.traces` replays both from a
saved trace.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from feed import filters, mixing, ranking, recipe
from feed.feed_types import FEED_TYPES, FeedType
from feed.types import Candidate, Chunk, ChunkInputs, FactsById, Pool, Shortlist, Slot


def make_shortlist(inputs: ChunkInputs) -> Shortlist:
    """Give each item to one source, drop candidates by id, and cut each source to its rank limit.

    An item that exceeds the rank limit of a source can still belong to the next source that found it.
    """
    feed_type = FEED_TYPES[inputs.feed]
    pools = {pool.source: pool for pool in inputs.pools}
    filter_by_id = _first_filter_by_id(feed_type.id_filters, inputs)
    owned: set[str] = set()
    dropped: dict[str, str] = {}
    candidates: dict[str, tuple[Candidate, ...]] = {}
    reserve: dict[str, tuple[Candidate, ...]] = {}
    is_truncated = False
    for source in (source for source in feed_type.sources if source.name in pools):
        limit = source.rank_limit * inputs.rank_limit_factor
        passed: list[Candidate] = []
        soft_drops: list[Candidate] = []
        for candidate in pools[source.name].candidates:
            if candidate.id in owned:
                continue
            drop = filter_by_id.get(candidate.id)
            if drop is not None:
                dropped[candidate.id] = drop.name
            if drop is not None and not drop.soft:
                continue
            target = passed if drop is None else soft_drops
            if len(target) >= limit:
                is_truncated = True
                continue
            target.append(candidate)
            owned.add(candidate.id)
        candidates[source.name], reserve[source.name] = tuple(passed), tuple(soft_drops)
    return Shortlist(candidates, reserve, dropped, is_truncated)


def rank_and_mix(inputs: ChunkInputs, shortlist: Shortlist, facts: FactsById) -> Chunk:
    """Return the chunk. Equal arguments give equal chunks, on every machine."""
    feed_type = FEED_TYPES[inputs.feed]
    drops = Counter(shortlist.dropped.values())
    passed = {
        name: _apply_facts_filters(group, feed_type, inputs, facts, drops)
        for name, group in shortlist.candidates.items()
    }
    restorable = {
        name: _apply_facts_filters(group, feed_type, inputs, facts, drops)
        for name, group in shortlist.reserve.items()
    }
    ranked = {
        name: [slot for group in groups for slot in _rank_group(name, group, feed_type, inputs, facts)]
        for name, groups in _restore_soft_drops(
            feed_type.shares, passed, restorable, size=inputs.size
        ).items()
    }
    slots = _mix(inputs, feed_type, ranked, facts)
    _uncount_restored(drops, shortlist, restorable, slots)
    remaining = sum(map(len, (*passed.values(), *restorable.values()))) - len(slots)
    titles_and_genres = [(facts[slot.id].title, facts[slot.id].primary_genre) for slot in slots]
    return Chunk(
        slots=slots,
        tail=(*inputs.preceding, *titles_and_genres)[-(recipe.GENRE_WINDOW - 1) :],
        exhausted=_is_exhausted(inputs.pools, is_truncated=shortlist.is_truncated, remaining=remaining),
        drops={name: number for name, number in sorted(drops.items()) if number},
        shares=Counter(slot.source for slot in slots),
    )


def chunk_seed(session: str, start: int) -> str:
    """Return the seed of a chunk's shuffle: its session and its number in the session."""
    return f"{session}:{start // recipe.CHUNK_SIZE}"


def _first_filter_by_id(
    id_filters: Sequence[filters.IdFilter], inputs: ChunkInputs
) -> dict[str, filters.IdFilter]:
    """Return item id → the first filter that drops it: a soft one only if no other does."""
    by_id: dict[str, filters.IdFilter] = {}
    soft_last = sorted(id_filters, key=lambda id_filter: id_filter.soft)
    for id_filter in reversed(soft_last):
        by_id.update(dict.fromkeys(id_filter.drops(inputs), id_filter))
    return by_id


def _apply_facts_filters(
    group: Iterable[Candidate],
    feed_type: FeedType,
    inputs: ChunkInputs,
    facts: FactsById,
    drops: Counter[str],
) -> list[Candidate]:
    """Return the candidates that pass the facts filters; count the others in `drops`."""
    passed = []
    for candidate in group:
        item_facts = facts.get(candidate.id)
        if item_facts is None:
            drops[filters.UNPUBLISHED] += 1
            continue
        for facts_filter in feed_type.facts_filters:
            if facts_filter.drops(item_facts, inputs):
                drops[facts_filter.name] += 1
                break
        else:
            passed.append(candidate)
    return passed


def _restore_soft_drops(
    shares: Mapping[str, int],
    passed: Mapping[str, list[Candidate]],
    restorable: Mapping[str, list[Candidate]],
    *,
    size: int,
) -> dict[str, tuple[list[Candidate], list[Candidate]]]:
    """Return by source the candidates that passed, and those that a soft filter dropped and the chunk needs.

    A source that cannot fill its share of the chunk gets as many as it lacks. If all sources together cannot fill the
    chunk, all come back.
    """
    total = sum(shares.values())
    all_needed = sum(map(len, passed.values())) < size
    groups = {}
    for name, candidates in passed.items():
        due = -(-size * shares[name] // total)
        needed = len(restorable[name]) if all_needed else max(due - len(candidates), 0)
        groups[name] = (candidates, restorable[name][:needed])
    return groups


def _rank_group(
    source: str, group: Sequence[Candidate], feed_type: FeedType, inputs: ChunkInputs, facts: FactsById
) -> list[Slot]:
    """Return a group's slots: ranked and shuffled in tiers if the feed is personal, else in the source's order."""
    if not feed_type.is_personal:
        return [
            Slot(c.id, source, c.reason, round(c.score, recipe.SCORE_DIGITS), c.social_fields) for c in group
        ]
    slots = [
        Slot(
            candidate.id,
            source,
            candidate.reason,
            ranking.score(
                facts[candidate.id],
                rank=candidate.score,
                supporters=candidate.supporters,
                affinities=inputs.affinities,
                skipped=facts[candidate.id].title in inputs.skipped,
                now=inputs.now,
            ),
        )
        for candidate in group
    ]
    ranked = {slot.id: slot for slot in sorted(slots, key=lambda slot: (-slot.score, slot.id))}
    seed = chunk_seed(inputs.session, inputs.start)
    return [ranked[i] for i in mixing.shuffle_tiers(list(ranked), seed=seed, tier=recipe.SHUFFLE_TIER_SIZE)]


def _mix(
    inputs: ChunkInputs, feed_type: FeedType, ranked: Mapping[str, Sequence[Slot]], facts: FactsById
) -> tuple[Slot, ...]:
    """Interleave the sources' slots by share; diversify them if the feed is personal."""
    slot_by_id = {slot.id: slot for group in ranked.values() for slot in group}
    mixed = mixing.interleave(
        {name: [slot.id for slot in group] for name, group in ranked.items()},
        shares=feed_type.shares,
        fallbacks=feed_type.fallbacks,
        start=inputs.start,
        size=inputs.size,
    )
    if feed_type.is_personal:
        mixed = mixing.diversify(
            mixed,
            titles_and_genres={i: (facts[i].title, facts[i].primary_genre) for _, i in mixed},
            preceding=inputs.preceding,
            window=recipe.GENRE_WINDOW,
            max_per_genre=recipe.MAX_PER_GENRE,
            max_displacement=recipe.MAX_DISPLACEMENT,
        )
    return tuple(slot_by_id[item_id] for _, item_id in mixed)


def _uncount_restored(
    drops: Counter[str],
    shortlist: Shortlist,
    restorable: Mapping[str, list[Candidate]],
    slots: Sequence[Slot],
) -> None:
    """Remove from the soft filters' counts the candidates that got a slot and those that a facts filter dropped."""
    without_slot = {candidate.id for group in restorable.values() for candidate in group}
    without_slot.difference_update(slot.id for slot in slots)
    reserve = (candidate.id for group in shortlist.reserve.values() for candidate in group)
    drops.subtract(shortlist.dropped[item] for item in reserve if item not in without_slot)


def _is_exhausted(pools: Sequence[Pool], *, is_truncated: bool, remaining: int) -> bool:
    return remaining == 0 and not is_truncated and all(pool.exhausted for pool in pools)
