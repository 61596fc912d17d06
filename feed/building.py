"""Building a chunk of a plan: fetch what it is made from, hand it to the pure pipeline, keep receipts.

Waits (warm): recall 1, titles and names 1, facts 1. Cold parts come from the activity store
(at most 3 calls and 102 documents) and from SQL (1 query for what is pending there, besides cards).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings

from activity.services import history, presence, profiles, rebuilds
from activity.services.history import History
from activity.services.presence import Presence
from activity.types import Profile, StoreUnavailable
from content.services import cards
from core.deadlines import optional_until
from core.redis.client import state_redis
from core.redis.reads import Deferred, Reads
from core.telemetry import timed
from feed import indexes, keys, metrics, pipeline, plans, recipe, sources, traces
from feed.indexes import Current
from feed.plans import Draft, Header, Served
from feed.types import Chunk, ChunkInputs, FactsById, Pool

logger = logging.getLogger(__name__)

# Looks into the sources while filters leave a chunk short: each fetches, and ranks, DEEPER times the surplus.
ROUNDS: Final = 3
DEEPER: Final = 4


@dataclass(slots=True)
class Known:
    """What one early wait tells of a viewer and the indexes; `degraded` gathers what was missing."""

    viewer: Profile
    current: Current | None
    served_count: int
    seen_count: int
    degraded: set[str] = field(default_factory=set)
    rebuilding: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """Which chunk to make. `deadline` is seconds of time.monotonic(), `now` epoch seconds."""

    feed: str
    session: str
    started: int
    start: int
    now: int
    deadline: float
    taken: frozenset[str] = frozenset()
    tail: tuple[tuple[str, str | None], ...] = ()
    served_before: int = 0  # slots that the served list must hold of this session, or it was lost
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """A chunk with everything it was made from."""

    draft: Draft
    inputs: ChunkInputs
    facts: FactsById
    chunk: Chunk


@dataclass(frozen=True, slots=True)
class PendingContext:
    """The queued reads of a build context. Call `get` after they were executed."""

    uid: str
    profile: Deferred[Profile]
    index_pointer: Deferred[Current | None]
    served_count: Deferred[int]
    seen_count: Deferred[int]
    presence: Deferred[Presence]

    def get(self, *, now: float, deadline: float) -> Known:
        """Return the context. Cost: none when warm; a profile that is not cached is 1 store call and 1 round trip.

        If the store is unavailable, or has not answered at `deadline`, the context is degraded; this does not raise.
        """
        current = self.index_pointer.value
        known = Known(Profile(self.uid), current, self.served_count.value, self.seen_count.value)
        try:
            with optional_until(deadline):
                known.viewer = self.profile.value
                known.rebuilding = rebuilds.ensure_rebuilt(known.viewer, self.presence.value, now=now)
        except StoreUnavailable:
            known.degraded.add("profile")
        if current is None:
            known.degraded.add("indexes")
        return known


def queue_context(reads: Reads, uid: str) -> PendingContext:
    """Queue the reads that every build needs first."""
    return PendingContext(
        uid=uid,
        profile=reads.add(profiles.read(uid)),
        index_pointer=reads.add(indexes.read_pointer()),
        served_count=reads.add(plans.read_served_count(uid)),
        seen_count=reads.add(history.read_size(uid)),
        presence=reads.add(presence.read_and_touch(uid)),
    )


def build(known: Known, what: Build) -> Built:
    """One chunk. Looks deeper, in a bounded number of rounds, while filters leave it short and more is there."""
    depth = len(what.taken) + known.served_count + known.seen_count + len(known.viewer.finished)
    for look in range(ROUNDS):
        built = _attempt(known, what, depth, wider=DEEPER**look)
        if built.chunk.dry or len(built.draft.slots) >= built.inputs.size:
            break
        depth = DEEPER * depth + recipe.CHUNK
    if not built.chunk.slots:
        # Nothing even after the deepest look: a plan that stayed open would send phones round in circles.
        return replace(built, draft=replace(built.draft, dry=True))
    return built


def keep_trace(uid: str, built: Built, *, always: bool = False) -> bool:
    """Keep a full trace of a sampled fraction of chunks, of every one if told so. Cost: 0 or 1 wait."""
    session = built.inputs.session
    lot = int.from_bytes(blake2b(session.encode(), digest_size=2).digest()) % 100
    if not always and lot >= settings.FEED_TRACE_PERCENT:
        return False
    name = keys.TRACE.name(viewer=uid, session=session, chunk=built.inputs.start)
    state_redis().set(name, traces.pack(built.inputs, built.facts, built.chunk), ex=keys.TRACE.ttl)
    return True


def _attempt(known: Known, what: Build, depth: int, *, wider: int) -> Built:
    names = pipeline.FEEDS[what.feed].sources
    request = sources.Request(known.viewer, known.current, depth, what.now, what.deadline)
    pools, watched, served = _recall(known, request, names, what.session)
    degraded = {*what.degraded, *known.degraded, *(pool.source for pool in pools if pool.error)}
    if known.rebuilding and {recipe.FRIENDS, recipe.FOLLOWING} & set(names):
        degraded.add("timeline_rebuilding")
    if served.entries_in_session < what.served_before:
        degraded.add("served_history")
    inputs = ChunkInputs(
        feed=what.feed,
        session=what.session,
        start=what.start,
        size=min(pipeline.FEEDS[what.feed].chunk, recipe.PLAN_LIMIT - what.start),
        now=what.now,
        pools=pools,
        taste=sources.taste_of(known.viewer),
        finished=known.viewer.finished,
        seen=watched.seen,
        skipped=watched.skipped.union(known.viewer.skipped),
        taken=what.taken | served.in_session,
        lately=served.elsewhere,
        tail=what.tail,
        wider=wider,
    )
    listed = pipeline.shortlist(inputs)
    facts = cards.get_facts(listed.ids)
    chunk = pipeline.plan(inputs, listed, facts)
    full = what.start + len(chunk.slots) >= recipe.PLAN_LIMIT
    header = Header(
        what.session, what.feed, what.started, _generation(known.current), tuple(sorted(degraded))
    )
    receipt = _receipt(known, header, inputs, chunk)
    draft = Draft(header, what.start, chunk.slots, chunk.dry or full, chunk.tail, receipt)
    return Built(draft, inputs, facts, chunk)


def _recall(
    known: Known, request: sources.Request, names: Sequence[str], session: str
) -> tuple[tuple[Pool, ...], History, Served]:
    """Return every source's pool, the viewer's history and the served list.

    Cost: 1 round trip, and what each read costs when it is cold.
    """
    uid = known.viewer.uid
    reads = Reads(state_redis())
    served = reads.add(plans.read_served(uid, session))
    watched = reads.add(history.read(uid))
    pending = [sources.queue(name, request, reads) for name in names]
    with timed(metrics.RECALL_TIME):
        reads.execute()
    with optional_until(request.deadline):
        seen = watched.value
    if not seen.is_complete:
        known.degraded.add("history")
    return tuple(sources.get_pool(each) for each in pending), seen, served.value


def _generation(current: Current | None) -> int | None:
    return current.generation if current else None


def _receipt(known: Known, header: Header, inputs: ChunkInputs, chunk: Chunk) -> dict[str, Any]:
    return {
        "recipe": recipe.VERSION,
        "seed": pipeline.chunk_seed(inputs.session, inputs.start),
        "now": inputs.now,
        "generation": header.generation,
        "profileVersion": known.viewer.version,
        "choiceVersion": known.viewer.choice_version,
        "sources": {
            pool.source: {"returned": len(pool.candidates), "exhausted": pool.exhausted, "error": pool.error}
            for pool in inputs.pools
        },
        "drops": chunk.drops,
        "shares": chunk.shares,
        "dry": chunk.dry,
        "degraded": header.degraded,
    }
