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
from activity.types import Profile, StoreUnavailable
from content.services import cards
from core import telemetry
from core.deadlines import optional_until
from core.redis.client import state_redis
from feed import keys, pipeline, plans, recipe, sources, traces
from feed.indexes import Current
from feed.plans import Draft, Header
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


def queue_known(pipe: Any, uid: str) -> None:
    """Queue what a build must know first; `take_known` reads the answers."""
    pipe.get(profiles.key(uid))
    pipe.get(keys.INDEX_CURRENT.name())
    pipe.llen(keys.SERVED.name(viewer=uid))
    history.queue_size(pipe, uid)
    presence.queue_state(pipe, uid)


def take_known(uid: str, answers: Sequence[Any], *, now: float, deadline: float) -> Known:
    """Cost: none when warm; a cold profile is 1 store call and 1 wait. A store that is dead, or has not answered at
    `deadline`, degrades, it does not raise."""
    raw_profile, raw_current, served_count, seen_count, fresh_count, *about = answers
    current = Current.unpacked(raw_current)
    known = Known(Profile(uid), current, served_count, seen_count + fresh_count)
    try:
        with optional_until(deadline):
            known.viewer = profiles.take(uid, raw_profile)
            known.rebuilding = rebuilds.under_way(known.viewer, about, now=now)
    except StoreUnavailable:
        known.degraded.add("profile")
    if current is None:
        known.degraded.add("indexes")
    return known


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
    pools, watched, served = _recall(known, request, names)
    own, lately, entries = plans.served(served, what.session)
    degraded = {*what.degraded, *known.degraded, *(pool.source for pool in pools if pool.error)}
    if known.rebuilding and {recipe.FRIENDS, recipe.FOLLOWING} & set(names):
        degraded.add("timeline_rebuilding")
    if entries < what.served_before:
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
        taken=what.taken | own,
        lately=lately,
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
    known: Known, request: sources.Request, names: Sequence[str]
) -> tuple[tuple[Pool, ...], History, list[bytes]]:
    """Every source's pool, what the viewer has seen and skipped, and the served list: one wait, plus what is cold."""
    uid = known.viewer.uid
    pipe = state_redis().pipeline()
    pipe.lrange(keys.SERVED.name(viewer=uid), 0, -1)
    history.queue(pipe, uid)
    bounds = [len(pipe.command_stack)]
    for name in names:
        sources.SOURCES[name].ask(request, pipe)
        bounds.append(len(pipe.command_stack))
    with telemetry.timed(telemetry.RECALL_TIME):
        answers = pipe.execute(raise_on_error=False)
    served, *watched = answers[: 1 + history.READS]
    for answer in (served, *watched):
        if isinstance(answer, Exception):
            raise answer
    with optional_until(request.deadline):
        taken = history.take(uid, watched)
    if not taken.whole:
        known.degraded.add("history")
    pools = tuple(
        sources.fetch(name, request, answers[begin:end])
        for name, begin, end in zip(names, bounds, bounds[1:], strict=False)
    )
    return pools, taken, served


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
