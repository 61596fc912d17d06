"""A viewer's plan for staff: every slot with its source and reason, and the receipts."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from content.services import cards
from core.deadlines import optional_budget
from core.redis.client import state_redis
from core.redis.reads import Reads
from feed import building, plans, stored_plans
from feed.building import ChunkRequest
from feed.feed_types import FEED_TYPES
from feed.types import Slot

MAX_SHOWN_SLOTS: Final = 200
PREVIEW_BUDGET_SECONDS: Final = 2.0  # longer than a page's: staff can wait longer than a phone


@dataclass(frozen=True, slots=True)
class SlotView:
    """`title` is None if the item is no longer published. Positions count from 0."""

    position: int
    item: str
    title: str | None
    source: str
    reason: str
    score: float


@dataclass(frozen=True, slots=True)
class PlanView:
    """`started` is epoch seconds. `length` counts all slots, shown or not. `receipts` are one per chunk, in order."""

    viewer: str
    feed: str
    session: str
    started: int
    degraded: tuple[str, ...]
    length: int
    slots: list[SlotView]
    receipts: list[dict[str, Any]]


def get_live_plan(uid: str, feed: str) -> PlanView | None:
    """Return the plan of the viewer's current session, None if there is none. Cost: 3 round trips."""
    pointer = plans.read_pointer(uid, feed).fetch(state_redis())
    if pointer is None:
        return None
    plan = stored_plans.get_plan(uid, pointer.session, count=MAX_SHOWN_SLOTS)
    if plan is None:
        return None
    return PlanView(
        viewer=uid,
        feed=feed,
        session=pointer.session,
        started=pointer.started,
        degraded=plan.header.degraded,
        length=plan.length,
        slots=_make_slot_views(plan.base, plan.slots),
        receipts=plan.receipts,
    )


def preview_plan(uid: str, feed: str, *, now: int) -> PlanView:
    """Build the plan that a new session would have and save its trace, without serving it. Cost: as a first page."""
    session = f"preview-{secrets.token_hex(8)}"
    reads = Reads(state_redis())
    pending_context = building.queue_context(reads, uid)
    with optional_budget(PREVIEW_BUDGET_SECONDS):
        reads.execute()
        request = ChunkRequest(
            feed_type=FEED_TYPES[feed], session=session, session_started=now, start=0, now=now
        )
        built = building.build_chunk(pending_context.get(now=now), request)
    building.save_trace(uid, built, always=True)
    return PlanView(
        viewer=uid,
        feed=feed,
        session=session,
        started=now,
        degraded=built.draft.header.degraded,
        length=len(built.draft.slots),
        slots=_make_slot_views(0, built.draft.slots[:MAX_SHOWN_SLOTS]),
        receipts=[built.draft.receipt],
    )


def _make_slot_views(base: int, slots: Sequence[Slot]) -> list[SlotView]:
    titles = cards.get_titles([slot.id for slot in slots])
    return [
        SlotView(
            position=base + index,
            item=slot.id,
            title=title,
            source=slot.source,
            reason=slot.reason,
            score=slot.score,
        )
        for index, (slot, title) in enumerate(zip(slots, titles, strict=True))
    ]
