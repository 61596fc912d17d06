"""What staff see of a viewer's plan: every slot with its source and reason, and the receipts."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from content.services import cards
from core.redis.client import state_redis
from core.redis.reads import Reads
from feed import building, plans
from feed.building import Build
from feed.types import Slot

SHOWN = 200
PREVIEW_BUDGET = 2.0  # seconds; staff can wait longer than a phone


@dataclass(frozen=True, slots=True)
class SlotView:
    """`title` is None when the item is no longer published. Positions count from 0."""

    position: int
    item: str
    title: str | None
    source: str
    reason: str
    score: float


@dataclass(frozen=True, slots=True)
class PlanView:
    """`started` is epoch seconds; `receipts` one a chunk, in order. `length` counts all slots, shown or not."""

    viewer: str
    feed: str
    session: str
    started: int
    degraded: tuple[str, ...]
    length: int
    slots: list[SlotView]
    receipts: list[dict[str, Any]]


def live_plan(uid: str, feed: str) -> PlanView | None:
    """The plan of the viewer's current session, None if there is none. Changes nothing. Cost: 3 waits."""
    pointer = plans.read_pointer(uid, feed).fetch(state_redis())
    if pointer is None:
        return None
    stored = plans.whole(uid, pointer.session, count=SHOWN)
    if stored is None:
        return None
    return PlanView(
        viewer=uid,
        feed=feed,
        session=pointer.session,
        started=pointer.started,
        degraded=stored.header.degraded,
        length=stored.length,
        slots=_slots(stored.base, stored.slots),
        receipts=stored.receipts,
    )


def preview(uid: str, feed: str, *, now: int) -> PlanView:
    """Plan a session as it would begin now, keep its full trace, serve it to nobody. Cost: as a first page."""
    reads = Reads(state_redis())
    context = building.queue_context(reads, uid)
    ends = time.monotonic() + PREVIEW_BUDGET
    reads.execute()
    known = context.get(now=now, deadline=ends)
    session = f"preview-{secrets.token_hex(8)}"
    what = Build(feed, session, now, 0, now, ends)
    built = building.build(known, what)
    building.keep_trace(uid, built, always=True)
    return PlanView(
        viewer=uid,
        feed=feed,
        session=session,
        started=now,
        degraded=built.draft.header.degraded,
        length=len(built.draft.slots),
        slots=_slots(0, built.draft.slots[:SHOWN]),
        receipts=[built.draft.receipt],
    )


def _slots(base: int, slots: Sequence[Slot]) -> list[SlotView]:
    found = cards.get_cards([slot.id for slot in slots])
    return [
        SlotView(
            base + place,
            slot.id,
            orjson.loads(card)["title"] if card else None,
            slot.source,
            slot.reason,
            slot.score,
        )
        for place, (slot, card) in enumerate(zip(slots, found, strict=True))
    ]
