"""Generated chunk inputs, and the properties that a chunk made from them must have."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from analytics.types import EVENT_KINDS, HourlyVotes
from content.types import Facts
from core.units import HOUR
from feed import pipeline
from feed.feed_types import FOR_YOU
from feed.types import Candidate, Chunk, ChunkInputs, Pool

NOW = 1_795_000_000
GENRES = ("drama", "comedy", "thriller", "war", "music")
SOURCES = tuple(FOR_YOU.shares)
# Multiplies every rank limit beyond the number of generated candidates.
NO_RANK_LIMIT = 1_000


vote_lists = st.lists(
    st.builds(
        HourlyVotes,
        st.integers(NOW - 60 * HOUR, NOW + HOUR),
        st.sampled_from(EVENT_KINDS),
        st.integers(1, 10**6),
    ),
    max_size=30,
)


def facts(item: str, **changes: Any) -> Facts:
    """Return an item with average facts."""
    plain: dict[str, Any] = {
        "title": f"movie:{item}",
        "genres": (),
        "popularity": 10.0,
        "tmdb_rating": 6.0,
        "tmdb_votes": 100,
        "released_day": 20_000,
        "published_at": NOW,
        "staff_boost": 0,
        "hidden": False,
    }
    return Facts(id=item, **{**plain, **changes})


@dataclass(frozen=True)
class Case:
    """A chunk's inputs, and the facts of the published items."""

    inputs: ChunkInputs
    facts: Mapping[str, Facts]

    def plan_chunk(self, **changes: Any) -> Chunk:
        inputs = replace(self.inputs, **changes)
        return pipeline.rank_and_mix(inputs, pipeline.make_shortlist(inputs), self.facts)

    def get_owner(self, item: str) -> str | None:
        """Return the source that the item belongs to: the first one of the feed type that found it."""
        found = {pool.source for pool in self.inputs.pools if any(c.id == item for c in pool.candidates)}
        return next((name for name in (source.name for source in FOR_YOU.sources) if name in found), None)

    def get_drop(self, item: str) -> str | None:
        """Return the filter that drops the item, the first one if there are several."""
        item_facts = self.facts.get(item)
        if item in self.inputs.session_items:
            return "in_session"
        if item in self.inputs.seen:
            return "seen"
        if item_facts is None:
            return "unpublished"
        if item_facts.hidden:
            return "hidden"
        return "finished" if item_facts.title in self.inputs.finished else None

    @property
    def found(self) -> set[str]:
        return {candidate.id for pool in self.inputs.pools for candidate in pool.candidates}

    def get_eligible(self, source: str | None = None) -> set[str]:
        """Return the items that no hard filter drops; of one source if it is given."""
        return {i for i in self.found if self.get_drop(i) is None and source in (None, self.get_owner(i))}


@st.composite
def cases(draw: st.DrawFn, *, most: int = 60, size: int = 60) -> Case:
    """Generate pools that overlap, with items for every filter to drop. No rank limit cuts them."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    items = [f"i{number}" for number in range(draw(st.integers(0, 2 * most)))]
    known = {item: _random_facts(item, rng) for item in items if rng.random() > 0.05}
    pools = tuple(_pool(name, items, draw(st.integers(0, most)), rng) for name in SOURCES)
    rare = draw(st.sampled_from([0.0, 0.1, 0.5]))

    def some(values: list[str]) -> frozenset[str]:
        return frozenset(value for value in values if rng.random() < rare)

    inputs = ChunkInputs(
        feed="for_you",
        session=f"session-{rng.random()}",
        start=draw(st.sampled_from([0, 0, 7, 200])),
        size=draw(st.integers(1, size)),
        now=NOW,
        pools=pools,
        affinities={genre: rng.random() for genre in rng.sample(GENRES, rng.randrange(4))},
        finished=some([f"movie:{number}" for number in range(20)]),
        seen=some(items),
        session_items=some(items),
        recently_served=some(items),
        skipped=some([f"movie:{number}" for number in range(20, 40)]),
        rank_limit_factor=NO_RANK_LIMIT,
    )
    return Case(inputs, known)


def _random_facts(item: str, rng: random.Random) -> Facts:
    return facts(
        item,
        title=f"movie:{rng.randrange(40)}",
        genres=tuple(rng.sample(GENRES, rng.randrange(4))),
        popularity=rng.random() * 600,
        tmdb_rating=rng.random() * 10,
        tmdb_votes=rng.randrange(10_000),
        released_day=rng.choice([None, rng.randrange(-10_000, 21_000)]),
        published_at=NOW - rng.randrange(10_000_000),
        staff_boost=rng.randrange(-10, 11),
        hidden=rng.random() < 0.05,
    )


def _pool(source: str, items: list[str], size: int, rng: random.Random) -> Pool:
    chosen = rng.sample(items, min(size, len(items)))
    supporters = rng.randrange(1, 5) if source == "friends" else 0
    candidates = tuple(Candidate(item, rng.random(), f"for {source}", supporters) for item in chosen)
    return Pool(source, candidates)
