"""A chunk of a plan from its inputs: shortlist → facts → rank, shuffle, mix, part neighbours. Pure.

The only thing fetched in between are the shortlist's facts, so the two halves are
two functions; `feed.traces` replays both from a kept trace.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from feed import filters, mixing, ranking, recipe
from feed.types import Candidate, Chunk, ChunkInputs, FactsById, Pool, Shortlist, Slot


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed type: its sources, in the order in which they own what several find, and what each is due.

    `personal` feeds are ranked for the viewer, shuffled in tiers and diversified. A `fresh` one begins a
    new session with every request that has no cursor. `chunk` is how many slots are planned at once.
    """

    sources: tuple[str, ...]
    shares: Mapping[str, int]
    heirs: Mapping[str, Sequence[str]]
    id_filters: tuple[filters.IdFilter, ...]
    facts_filters: tuple[filters.FactsFilter, ...]
    personal: bool
    fresh: bool = False
    chunk: int = recipe.CHUNK


FEEDS: Final[Mapping[str, Feed]] = {
    "for_you": Feed(
        sources=recipe.OWNERSHIP,
        shares=recipe.SHARES,
        heirs=recipe.HEIRS,
        id_filters=(filters.IN_SESSION, filters.SEEN, filters.SERVED_LATELY),
        facts_filters=(filters.HIDDEN, filters.FINISHED),
        personal=True,
    ),
    # The order of the index, as everybody sees it.
    "trending": Feed(
        sources=(recipe.TRENDING,),
        shares={recipe.TRENDING: 1},
        heirs={recipe.TRENDING: ()},
        id_filters=(filters.IN_SESSION,),
        facts_filters=(filters.HIDDEN,),
        personal=False,
    ),
    # What the people whom the viewer follows did, newest first, as it was when they asked.
    "following": Feed(
        sources=(recipe.FOLLOWING,),
        shares={recipe.FOLLOWING: 1},
        heirs={recipe.FOLLOWING: ()},
        id_filters=(filters.IN_SESSION,),
        facts_filters=(),
        personal=False,
        fresh=True,
        chunk=recipe.FETCHED[recipe.FOLLOWING],  # all of it: what comes later belongs to the next session
    ),
}


def shortlist(inputs: ChunkInputs) -> Shortlist:
    """Give each item found to one source, drop by id, keep what the recipe wants ranked per source.

    What a source has no room for stays open to the next owner.
    """
    feed = FEEDS[inputs.feed]
    pools = {pool.source: pool for pool in inputs.pools}
    verdicts = _verdicts(feed.id_filters, inputs)
    owned: set[str] = set()
    dropped: dict[str, str] = {}
    kept: dict[str, tuple[Candidate, ...]] = {}
    reserve: dict[str, tuple[Candidate, ...]] = {}
    cut = False
    for name in (name for name in feed.sources if name in pools):
        room = recipe.KEPT[name] * inputs.wider
        mine: list[Candidate] = []
        later: list[Candidate] = []
        for candidate in pools[name].candidates:
            if candidate.id in owned:
                continue
            verdict = verdicts.get(candidate.id)
            if verdict is not None:
                dropped[candidate.id] = verdict.name
            if verdict is not None and not verdict.soft:
                continue
            target = mine if verdict is None else later
            if len(target) >= room:
                cut = True
                continue
            target.append(candidate)
            owned.add(candidate.id)
        kept[name], reserve[name] = tuple(mine), tuple(later)
    return Shortlist(kept, reserve, Counter(dropped.values()), cut)


def plan(inputs: ChunkInputs, listed: Shortlist, facts: FactsById) -> Chunk:
    """The chunk's slots in their order. Equal arguments give equal chunks, on every machine."""
    feed = FEEDS[inputs.feed]
    drops: Counter[str] = Counter(listed.drops)
    fresh = {name: _alive(group, feed, inputs, facts, drops) for name, group in listed.kept.items()}
    spare = {name: _alive(group, feed, inputs, facts, drops) for name, group in listed.reserve.items()}
    ordered = {
        name: [slot for group in groups for slot in _order(name, group, feed, inputs, facts)]
        for name, groups in _lift(feed.shares, fresh, spare, size=inputs.size).items()
    }
    scores = {slot.id: slot for group in ordered.values() for slot in group}
    mixed = mixing.interleave(
        {name: [slot.id for slot in group] for name, group in ordered.items()},
        shares=feed.shares,
        heirs=feed.heirs,
        start=inputs.start,
        size=inputs.size,
    )
    kinds = {item_id: (facts[item_id].title, facts[item_id].primary_genre) for _, item_id in mixed}
    if feed.personal:
        mixed = mixing.diversify(
            mixed,
            kinds=kinds,
            tail=inputs.tail,
            window=recipe.GENRE_WINDOW,
            most=recipe.GENRE_MOST,
            reach=recipe.DISPLACEMENT,
        )
    slots = tuple(scores[item_id] for _, item_id in mixed)
    _take_back(drops, listed, spare, slots)
    remaining = sum(map(len, (*fresh.values(), *spare.values()))) - len(slots)
    return Chunk(
        slots=slots,
        tail=(*inputs.tail, *(kinds[slot.id] for slot in slots))[-(recipe.GENRE_WINDOW - 1) :],
        dry=_dry(inputs.pools, cut=listed.cut, remaining=remaining),
        drops={name: number for name, number in sorted(drops.items()) if number},
        shares=Counter(slot.source for slot in slots),
    )


def chunk_seed(session: str, start: int) -> str:
    """What the lots of a chunk hang on: its session and its number within it."""
    return f"{session}:{start // recipe.CHUNK}"


def _verdicts(id_filters: Sequence[filters.IdFilter], inputs: ChunkInputs) -> dict[str, filters.IdFilter]:
    """By id the first filter that drops it."""
    verdicts: dict[str, filters.IdFilter] = {}
    for each in reversed(id_filters):
        verdicts.update(dict.fromkeys(each.drops(inputs), each))
    return verdicts


def _alive(
    group: Sequence[Candidate], feed: Feed, inputs: ChunkInputs, facts: FactsById, drops: Counter[str]
) -> list[Candidate]:
    """Those that the facts filters let pass; the others are counted in `drops`."""
    alive = []
    for candidate in group:
        known = facts.get(candidate.id)
        if known is None:
            drops[filters.UNPUBLISHED] += 1
            continue
        for each in feed.facts_filters:
            if each.drops(known, inputs):
                drops[each.name] += 1
                break
        else:
            alive.append(candidate)
    return alive


def _lift(
    shares: Mapping[str, int],
    fresh: Mapping[str, list[Candidate]],
    spare: Mapping[str, list[Candidate]],
    *,
    size: int,
) -> dict[str, tuple[list[Candidate], list[Candidate]]]:
    """Bring back what a soft filter dropped where a pool runs short: (fresh, lifted) per source.

    A source that cannot meet its due of the chunk gets enough to meet it; if all
    together cannot fill the chunk, everything comes back.
    """
    total = sum(shares.values())
    everything = sum(map(len, fresh.values())) < size
    queues = {}
    for name, mine in fresh.items():
        due = -(-size * shares[name] // total)
        room = len(spare[name]) if everything else max(due - len(mine), 0)
        queues[name] = (mine, spare[name][:room])
    return queues


def _take_back(
    drops: Counter[str], listed: Shortlist, spare: Mapping[str, list[Candidate]], slots: Sequence[Slot]
) -> None:
    """Count no longer as softly dropped what got a slot after all, or was dropped for its facts."""
    alive = {candidate.id for group in spare.values() for candidate in group}
    dropped_harder = sum(map(len, listed.reserve.values())) - len(alive)
    drops[filters.SERVED_LATELY.name] -= dropped_harder + sum(slot.id in alive for slot in slots)


def _order(
    source: str, group: Sequence[Candidate], feed: Feed, inputs: ChunkInputs, facts: FactsById
) -> list[Slot]:
    """A group's slots: ranked and shuffled in tiers if the feed is personal, else as the source gave them."""
    if not feed.personal:
        return [Slot(c.id, source, c.reason, round(c.score, recipe.SCORE_DIGITS), c.social) for c in group]
    slots = [
        Slot(
            candidate.id,
            source,
            candidate.reason,
            ranking.score(
                facts[candidate.id],
                rank=candidate.score,
                supporters=candidate.supporters,
                taste=inputs.taste,
                skipped=facts[candidate.id].title in inputs.skipped,
                now=inputs.now,
            ),
        )
        for candidate in group
    ]
    ranked = {slot.id: slot for slot in sorted(slots, key=lambda slot: (-slot.score, slot.id))}
    seed = chunk_seed(inputs.session, inputs.start)
    return [ranked[i] for i in mixing.shuffle_tiers(list(ranked), seed=seed, tier=recipe.TIER)]


def _dry(pools: Sequence[Pool], *, cut: bool, remaining: int) -> bool:
    return remaining == 0 and not cut and all(pool.exhausted for pool in pools)
