"""A page of a feed: a slice of the session's plan, with the cards of its items.

Cost in round trips when warm: a next page 2 (slice, cards), 1 more if unpublished items must be replaced; a first page
6, the same page again 3; a page that extends the plan 7. Warm pages make no SQL query and no store call.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from content.services import cards
from core.redis import rejections
from core.telemetry import labelled
from feed import metrics, plans
from feed.cursor import Cursor
from feed.plan_format import get_item_id, read_slot
from feed.plans import PlanSlice
from feed.services.sessions import (
    SPARE_SLOTS,
    PageRequest,
    extend_plan,
    open_session,
    replace_plan,
    resume_session,
)

# Reads of the plan for one page, which limits the cost after many items were unpublished.
MAX_FILL_ROUNDS: Final = 4
# Characters of unrecorded item ids in a cursor. More ids, after many items were unpublished, cost a round trip instead.
MAX_UNRECORDED_CHARS: Final = 1_000
# The same while Redis rejects writes: the slots of a chunk, usually. Beyond that the response is a 503.
MAX_REJECTED_CHARS: Final = 5_500


class LiveSlot(NamedTuple):
    """A slot whose item is published: its position, item id, source, card (JSON) and the slot's own JSON."""

    position: int
    item: str
    source: str
    card: bytes
    slot: bytes


@dataclass(slots=True)
class Page:
    """A page. `cursor` points to the next page and is None exactly when there is none. `number` counts from 1.

    `plan_rebuilt`: the plan was lost and replaced. `degraded` names the parts that were unavailable for the plan.
    """

    session: str
    number: int
    slots: list[LiveSlot] = field(default_factory=list)
    cursor: Cursor | None = None
    plan_rebuilt: bool = False
    degraded: tuple[str, ...] = ()


def get_page(request: PageRequest) -> Page:
    """Return the requested page; open or resume the session and extend its plan as needed.

    Raises core.outages.REDIS_UNAVAILABLE errors, and DeadlinePassed when the request deadline is exceeded.
    """
    if request.cursor is None:
        first, replaced = open_session(request), False
    else:
        first, replaced = resume_session(request, request.cursor)
    page = _fill_page(request, first)
    page.plan_rebuilt = page.plan_rebuilt or replaced
    for source, number in Counter(slot.source for slot in page.slots).items():
        labelled(metrics.SLOTS_SERVED, request.feed, source).inc(number)
    return page


def _fill_page(request: PageRequest, first: PlanSlice) -> Page:
    """Read slots and cards until the page is full and it is certain whether another one follows."""
    session, start, served_to = first.header.session, first.start, first.start + request.limit
    live: list[LiveSlot] = []
    passed: list[bytes] = []
    replaced = False
    current = first
    for attempt in range(MAX_FILL_ROUNDS):
        wanted = request.limit + 1 - len(live)
        count = wanted + SPARE_SLOTS * 4**attempt
        found: PlanSlice | None = current
        if attempt:
            served_to = start + wanted - 1
            found = plans.serve_slots(
                request.viewer, session, start=start, count=count, served_to=served_to, ttl=0
            )
        if found is not None and len(found.slots) < wanted and not found.exhausted:
            found = extend_plan(request, session, start=start, count=count, served_to=served_to)
        if found is None:  # the plan expired in the meantime
            unrecorded = _get_unrecorded(request, current, live, served_to, passed)
            found, replaced = replace_plan(request, session, start=start, unrecorded=unrecorded), True
        current = found
        live += _get_live_slots(current.slots, start, wanted)
        passed += current.slots
        start += len(current.slots)
        if len(live) > request.limit or _is_at_end(current, start):
            break
    page = Page(
        session=session,
        number=request.cursor.page + 1 if request.cursor else 1,
        slots=live[: request.limit],
        plan_rebuilt=replaced,
        degraded=current.header.degraded,
    )
    if len(live) > request.limit or not _is_at_end(current, start):
        position = live[request.limit].position if len(live) > request.limit else start
        passed = passed[: position - first.start]
        unrecorded = _get_unrecorded(request, current, page.slots, served_to, passed)
        page.cursor = _make_cursor(request, current, page, position, unrecorded)
    return page


def _is_at_end(current: PlanSlice, position: int) -> bool:
    return current.exhausted and position >= current.end


def _get_live_slots(slots: Sequence[bytes], start: int, wanted: int) -> list[LiveSlot]:
    """Return up to `wanted` slots with their cards. The cards of spare slots are read only if items are unpublished.

    An unreadable slot is left out like an unpublished item.
    """
    live: list[LiveSlot] = []
    for begin, end in ((0, wanted), (wanted, len(slots))):
        positions = enumerate(slots[begin:end], start + begin)
        part = [(position, slot) for position, raw in positions if (slot := read_slot(raw)) is not None]
        if len(live) >= wanted:
            break
        found = cards.get_cards([slot.item for _, slot in part])
        live += [
            LiveSlot(position, slot.item, slot.source, card, slot.fragment)
            for (position, slot), card in zip(part, found, strict=True)
            if card is not None
        ]
    return live[:wanted]


def _get_unrecorded(
    request: PageRequest,
    current: PlanSlice,
    live: Sequence[LiveSlot],
    served_to: int,
    passed: Sequence[bytes],
) -> tuple[str, ...]:
    """Return the items that were served and are not recorded as served.

    Slots are recorded up to the position `served_to`. Items beyond it replaced unpublished ones. If Redis rejected
    the record, all slots that the page passed are missing, and those that the request's cursor carries.
    """
    if current.recorded:
        return tuple(slot.item for slot in live if slot.position >= served_to)
    earlier = request.cursor.unrecorded_items if request.cursor else ()
    return (*earlier, *filter(None, map(get_item_id, passed)))


def _make_cursor(
    request: PageRequest, current: PlanSlice, page: Page, position: int, unrecorded: tuple[str, ...]
) -> Cursor:
    header = current.header
    max_chars = MAX_UNRECORDED_CHARS if current.recorded else MAX_REJECTED_CHARS
    if len(json.dumps(unrecorded)) > max_chars:
        found = plans.serve_slots(
            request.viewer, header.session, start=position, count=1, served_to=position, ttl=0
        )
        if found is not None and not found.recorded:
            rejections.check()  # without a record, the session could repeat the items
        unrecorded = ()
    return Cursor(
        feed=header.feed,
        session=header.session,
        position=position,
        page=page.number,
        session_started=header.started,
        issued_at=int(request.now),
        unrecorded_items=unrecorded,
    )
