"""Build a chunk of a plan: recall, run the pure pipeline, and write a receipt.

Cost when warm: 1 round trip for the recall, 1 for titles and names, 1 for facts. Cold parts cost at most 3 store calls
with 102 documents, and 1 SQL query for pending history besides those for cards.
"""

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final

from django.conf import settings

from activity.services import history, presence, profiles, rebuilds
from activity.services.presence import Presence
from activity.types import Profile, StoreUnavailable
from content.services import cards
from core.deadlines import optional_part
from core.redis.client import state_redis
from core.redis.reads import Deferred, Reads
from feed import indexes, keys, pipeline, recipe, served_lists, traces
from feed.feed_types import FeedType
from feed.indexes import IndexPointer
from feed.plan_format import PlanHeader
from feed.plans import ChunkDraft
from feed.recall import Recalled, recall
from feed.sources.base import RecallRequest
from feed.sources.personalized import get_affinities
from feed.types import Chunk, ChunkInputs, FactsById, TitleAndGenre

# While filters leave a chunk short, a build tries again: it fetches and ranks more, DEPTH_FACTOR times the surplus.
MAX_ROUNDS: Final = 3
DEPTH_FACTOR: Final = 4


@dataclass(slots=True)
class BuildContext:
    """The viewer and the indexes, read in one round trip. `degraded` collects the parts that were unavailable."""

    viewer: Profile
    index_pointer: IndexPointer | None
    served_count: int
    seen_count: int
    degraded: set[str] = field(default_factory=set)
    is_timeline_rebuilding: bool = False


@dataclass(frozen=True, slots=True)
class PendingContext:
    """The queued reads of a build context. Call `get` after they were executed."""

    uid: str
    profile: Deferred[Profile]
    index_pointer: Deferred[IndexPointer | None]
    served_count: Deferred[int]
    seen_count: Deferred[int]
    presence: Deferred[Presence]

    def get(self, *, now: float) -> BuildContext:
        """Return the context. Cost: none when warm; a profile that is not cached is 1 store call and 1 round trip.

        If the store is unavailable or the optional budget spent, the context is degraded instead.
        """
        context = BuildContext(
            Profile(self.uid), self.index_pointer.value, self.served_count.value, self.seen_count.value
        )
        try:
            with optional_part():
                context.viewer = self.profile.value
                context.is_timeline_rebuilding = rebuilds.ensure_rebuilt(
                    context.viewer, self.presence.value, now=now
                )
        except StoreUnavailable:
            context.degraded.add("profile")
        if context.index_pointer is None:
            context.degraded.add("indexes")
        return context


@dataclass(frozen=True, slots=True)
class ChunkRequest:
    """The chunk to build. `session_started` and `now` are epoch seconds.

    `session_items`, `preceding` and `start` as in ChunkInputs. `expected_served_count` is the number of entries that
    the served list must have of this session; with fewer, the served list was lost.
    """

    feed_type: FeedType
    session: str
    session_started: int
    start: int
    now: int
    session_items: frozenset[str] = frozenset()
    preceding: tuple[TitleAndGenre, ...] = ()
    expected_served_count: int = 0
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuiltChunk:
    """A chunk with everything it was made from."""

    draft: ChunkDraft
    inputs: ChunkInputs
    facts: FactsById
    chunk: Chunk


def queue_context(reads: Reads, uid: str) -> PendingContext:
    """Queue the reads that every build starts with."""
    return PendingContext(
        uid=uid,
        profile=reads.add(profiles.read(uid)),
        index_pointer=reads.add(indexes.read_pointer()),
        served_count=reads.add(served_lists.read_count(uid)),
        seen_count=reads.add(history.read_size(uid)),
        presence=reads.add(presence.read_and_touch(uid)),
    )


def build_chunk(context: BuildContext, request: ChunkRequest) -> BuiltChunk:
    """Build a chunk. While filters leave it short and sources have more, try again with more candidates."""
    depth = (
        len(request.session_items) + context.served_count + context.seen_count + len(context.viewer.finished)
    )
    for attempt in range(MAX_ROUNDS):
        built = _build_once(context, request, depth, rank_limit_factor=DEPTH_FACTOR**attempt)
        if built.chunk.exhausted or len(built.draft.slots) >= built.inputs.size:
            break
        depth = DEPTH_FACTOR * depth + recipe.CHUNK_SIZE
    if not built.chunk.slots:
        # Even the last attempt found nothing. An open plan would make phones request empty pages forever.
        return replace(built, draft=replace(built.draft, exhausted=True))
    return built


def save_trace(uid: str, built: BuiltChunk, *, always: bool = False) -> bool:
    """Save the full trace of a chunk if its session is sampled, or `always`. Cost: 0 or 1 round trip."""
    session = built.inputs.session
    sample = int.from_bytes(blake2b(session.encode(), digest_size=2).digest()) % 100
    if not always and sample >= settings.FEED_TRACE_PERCENT:
        return False
    name = keys.TRACE.name(viewer=uid, session=session, chunk=built.inputs.start)
    trace = traces.pack_trace(built.inputs, built.facts, built.chunk)
    state_redis().set(name, trace, ex=keys.TRACE.ttl)
    return True


def _build_once(
    context: BuildContext, request: ChunkRequest, depth: int, *, rank_limit_factor: int
) -> BuiltChunk:
    recall_request = RecallRequest(context.viewer, context.index_pointer, depth, request.now)
    recalled = recall(recall_request, request.feed_type, session=request.session)
    inputs = _make_inputs(context.viewer, request, recalled, rank_limit_factor)
    shortlist = pipeline.make_shortlist(inputs)
    facts = cards.get_facts(shortlist.ids)
    chunk = pipeline.rank_and_mix(inputs, shortlist, facts)
    if not recalled.history.is_complete:
        context.degraded.add("history")
    header = _make_header(context, request, degraded=_get_degraded(context, request, recalled))
    return BuiltChunk(_make_draft(context.viewer, header, inputs, chunk), inputs, facts, chunk)


def _make_inputs(
    viewer: Profile, request: ChunkRequest, recalled: Recalled, rank_limit_factor: int
) -> ChunkInputs:
    return ChunkInputs(
        feed=request.feed_type.name,
        session=request.session,
        start=request.start,
        size=min(request.feed_type.chunk_size, recipe.MAX_PLAN_SLOTS - request.start),
        now=request.now,
        pools=recalled.pools,
        affinities=get_affinities(viewer),
        finished=viewer.finished,
        seen=recalled.history.seen,
        skipped=recalled.history.skipped.union(viewer.skipped),
        session_items=request.session_items | recalled.served_list.in_session,
        recently_served=recalled.served_list.in_others,
        preceding=request.preceding,
        rank_limit_factor=rank_limit_factor,
    )


def _get_degraded(context: BuildContext, request: ChunkRequest, recalled: Recalled) -> tuple[str, ...]:
    """Return the names of the parts that were unavailable, now or for earlier chunks of the plan."""
    failed_sources = (pool.source for pool in recalled.pools if pool.error)
    degraded = {*request.degraded, *context.degraded, *failed_sources}
    if context.is_timeline_rebuilding and request.feed_type.uses_timeline:
        degraded.add("timeline_rebuilding")
    if recalled.served_list.session_entries < request.expected_served_count:
        degraded.add("served_history")
    return tuple(sorted(degraded))


def _make_header(context: BuildContext, request: ChunkRequest, *, degraded: tuple[str, ...]) -> PlanHeader:
    return PlanHeader(
        session=request.session,
        feed=request.feed_type.name,
        started=request.session_started,
        generation=context.index_pointer.generation if context.index_pointer else None,
        degraded=degraded,
    )


def _make_draft(viewer: Profile, header: PlanHeader, inputs: ChunkInputs, chunk: Chunk) -> ChunkDraft:
    """Return the draft of a chunk. It ends the plan if candidates have run out or the plan is full."""
    is_full = inputs.start + len(chunk.slots) >= recipe.MAX_PLAN_SLOTS
    return ChunkDraft(
        header=header,
        start=inputs.start,
        slots=chunk.slots,
        exhausted=chunk.exhausted or is_full,
        tail=chunk.tail,
        receipt=_make_receipt(viewer, header, inputs, chunk),
    )


def _make_receipt(viewer: Profile, header: PlanHeader, inputs: ChunkInputs, chunk: Chunk) -> dict[str, Any]:
    return {
        "recipe": recipe.VERSION,
        "seed": pipeline.chunk_seed(inputs.session, inputs.start),
        "now": inputs.now,
        "generation": header.generation,
        "profileVersion": viewer.version,
        "choiceVersion": viewer.choice_version,
        "sources": {
            pool.source: {"returned": len(pool.candidates), "exhausted": pool.exhausted, "error": pool.error}
            for pool in inputs.pools
        },
        "drops": chunk.drops,
        "shares": chunk.shares,
        "exhausted": chunk.exhausted,
        "degraded": header.degraded,
    }
