"""The plan behind a page: the viewer's session, opened or resumed, replaced when it is lost, and extended.

Cost in round trips when warm: a current session 2 (context, slice), a new one 5 (context, recall, titles and names,
facts, create), resuming 1 (slice), an extension 5 (context and plan state, recall, titles and names, facts, append).
Feed types without a source that reads the timeline need 1 less, because there are no titles and names to read.
"""

import secrets
from dataclasses import dataclass, replace
from typing import Final, Literal

from core.redis import rejections
from core.redis.client import state_redis
from core.redis.reads import Reads
from core.telemetry import labelled, timed
from feed import building, metrics, plans
from feed.building import BuildContext, BuiltChunk, ChunkRequest
from feed.cursor import Cursor
from feed.feed_types import FEED_TYPES, FeedType
from feed.plan_format import SessionPointer
from feed.plans import PlanSlice
from feed.rebuild_requests import queue_index_rebuild

# The result of looking for a plan. `lost_race`: another request stored a plan meanwhile, and that one is served.
Outcome = Literal["reused", "built", "lost_race", "replaced", "extended", "failed"]

# Slots read beyond those of a page, so that unpublished items cost 1 round trip (for other cards), not 2.
SPARE_SLOTS: Final = 10


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A viewer's request for a page of `limit` items. `now` is epoch seconds."""

    viewer: str
    feed: str
    limit: int
    now: float
    cursor: Cursor | None = None
    refresh: bool = False

    @property
    def feed_type(self) -> FeedType:
        return FEED_TYPES[self.feed]

    @property
    def read_count(self) -> int:
        """Number of slots in the first read: the page, one that shows that more follow, and the spare slots."""
        return self.limit + 1 + SPARE_SLOTS


def open_session(request: PageRequest) -> PlanSlice:
    """Return the first slots of the viewer's session; start a new one if none is current."""
    reads = Reads(state_redis())
    pending_context = building.queue_context(reads, request.viewer)
    pending_pointer = reads.add(plans.read_pointer(request.viewer, request.feed))
    reads.execute()
    pointer = pending_pointer.value
    context = pending_context.get(now=request.now)
    if pointer is not None and _is_current(pointer, context, request):
        found = _serve(request, pointer.session, start=0)
        if found is not None:
            _count_outcome(request, "reused")
            return found
    return _start_session(request, context, pointer)


def resume_session(request: PageRequest, cursor: Cursor) -> tuple[PlanSlice, bool]:
    """Return the slots that a cursor points to, and whether the plan was lost and replaced."""
    ttl = min(plans.PLAN_IDLE_TTL, cursor.session_started + plans.PLAN_MAX_TTL - int(request.now))
    found = _serve(request, cursor.session, start=cursor.position, ttl=ttl)
    if found is not None:
        return found, False
    unrecorded = cursor.unrecorded_items
    return replace_plan(request, cursor.session, start=cursor.position, unrecorded=unrecorded), True


def replace_plan(request: PageRequest, session: str, *, start: int, unrecorded: tuple[str, ...]) -> PlanSlice:
    """Build a plan from `start` on for a session whose plan is lost, without the items that the session was served.

    `unrecorded` are items that were served but are not in the served list.
    """
    reads = Reads(state_redis())
    pending_context = building.queue_context(reads, request.viewer)
    reads.execute()
    context = pending_context.get(now=request.now)
    chunk_request = ChunkRequest(
        feed_type=request.feed_type,
        session=session,
        session_started=int(request.now),
        start=start,
        now=int(request.now),
        session_items=frozenset(unrecorded),
        expected_served_count=start - len(unrecorded),
    )
    built = _build(request, context, chunk_request)
    served_to = start + request.limit
    if not plans.replace_lost_plan(request.viewer, built.draft, unrecorded=unrecorded, served_to=served_to):
        found = _serve(request, session, start=start)
        if found is not None:
            _count_outcome(request, "lost_race")
            return found
    _count_outcome(request, "replaced")
    building.save_trace(request.viewer, built)
    return plans.slice_draft(built.draft, count=request.read_count)


def extend_plan(
    request: PageRequest, session: str, *, start: int, count: int, served_to: int
) -> PlanSlice | None:
    """Append the next chunk to a plan and serve slots from `start` on; return None if the plan is lost."""
    reads = Reads(state_redis())
    pending_context = building.queue_context(reads, request.viewer)
    pending_state = reads.add(plans.read_state(request.viewer, session))
    reads.execute()
    state = pending_state.value
    if state is None:
        return None
    if start > state.end:  # Redis lost the last chunk, and with it the record of what was served from it
        plans.delete_plan(request.viewer, session)
        return None
    context = _pin_generation(pending_context.get(now=request.now), state.header.generation)
    chunk_request = ChunkRequest(
        feed_type=request.feed_type,
        session=session,
        session_started=state.header.started,
        start=state.end,
        now=int(request.now),
        session_items=frozenset(state.item_ids),
        preceding=state.tail,
        degraded=state.header.degraded,
    )
    built = _build(request, context, chunk_request)
    building.save_trace(request.viewer, built)
    _count_outcome(request, "extended")
    return plans.append_chunk(
        request.viewer,
        built.draft,
        length=len(state.item_ids),
        start=start,
        count=count,
        served_to=served_to,
    )


def _is_current(pointer: SessionPointer, context: BuildContext, request: PageRequest) -> bool:
    if request.refresh or request.feed_type.new_session_per_request:
        return False
    if request.now >= pointer.started + plans.SESSION_POINTER_TTL:
        return False
    return pointer.choice_version == context.viewer.choice_version or "profile" in context.degraded


def _start_session(request: PageRequest, context: BuildContext, expected: SessionPointer | None) -> PlanSlice:
    """Build and store the plan of a new session; if another request has just started one, serve that one."""
    pointer = SessionPointer(secrets.token_hex(8), int(request.now), context.viewer.choice_version)
    chunk_request = ChunkRequest(
        feed_type=request.feed_type,
        session=pointer.session,
        session_started=pointer.started,
        start=0,
        now=int(request.now),
    )
    built = _build(request, context, chunk_request)
    winner = plans.create_plan(
        request.viewer, built.draft, expected=expected, pointer=pointer, served_to=request.limit
    )
    if winner is not None:
        found = _serve(request, winner.session, start=0)
        if found is not None:
            _count_outcome(request, "lost_race")
            return found
    _count_outcome(request, "built")
    building.save_trace(request.viewer, built)
    return plans.slice_draft(built.draft, count=request.read_count)


def _serve(request: PageRequest, session: str, *, start: int, ttl: int = 0) -> PlanSlice | None:
    return plans.serve_slots(
        request.viewer,
        session,
        start=start,
        count=request.read_count,
        served_to=start + request.limit,
        ttl=ttl,
    )


def _build(request: PageRequest, context: BuildContext, chunk_request: ChunkRequest) -> BuiltChunk:
    try:
        rejections.check()  # Redis would reject the plan
        if context.index_pointer is None:
            queue_index_rebuild()
        with timed(labelled(metrics.BUILD_TIME, request.feed)):
            return building.build_chunk(context, chunk_request)
    except Exception:
        _count_outcome(request, "failed")
        raise


def _pin_generation(context: BuildContext, generation: int | None) -> BuildContext:
    """Keep to the generation that the plan started with, as long as it exists."""
    pointer = context.index_pointer
    if pointer is not None and generation in pointer.older_generations:
        context.index_pointer = replace(pointer, generation=generation)
    return context


def _count_outcome(request: PageRequest, outcome: Outcome) -> None:
    labelled(metrics.PLAN_LOOKUPS, request.feed, outcome).inc()
