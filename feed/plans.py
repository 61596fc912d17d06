"""Sessions and plans in Redis. Each function is one script call: one round trip, atomic on one hash slot.

Positions count from the session's first slot. `base` is the position of the plan's first slot; it is above 0 when the
plan replaced a lost one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from redis.client import Pipeline

from core.outages import WRITE_REJECTIONS
from core.redis import rejections
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.rejections import Skippable
from core.units import HOUR, MINUTE
from feed import keys, plan_scripts
from feed.plan_format import PlanHeader, SessionPointer, get_item_id, pack_slots, pack_tail, unpack_tail
from feed.types import Slot, TitleAndGenre

SESSION_POINTER_TTL: Final = 10 * MINUTE  # of a session pointer, from the start of its session
PLAN_IDLE_TTL: Final = 10 * MINUTE  # of a plan, from its last read through a cursor
PLAN_MAX_TTL: Final = 2 * HOUR  # of a plan that is still read, from the start of its session
DEGRADED_TTL: Final = MINUTE  # of the pointer and the plan of a degraded or empty build
MAX_SERVED_ITEMS: Final = 2_000


@dataclass(frozen=True, slots=True)
class PlanSlice:
    """Slots of a plan from position `start` on, as they are stored. `end` is where the next chunk starts.

    `recorded` is False if Redis rejected the marks of served slots, of this read and perhaps of earlier ones.
    """

    header: PlanHeader
    exhausted: bool
    start: int
    end: int
    slots: list[bytes]
    recorded: bool = True


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk ready to be stored. `receipt` is stored under the chunk's start."""

    header: PlanHeader
    start: int
    slots: Sequence[Slot]
    exhausted: bool
    tail: Sequence[TitleAndGenre]
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def is_short_lived(self) -> bool:
        """Degraded or empty, so that a new plan should be built soon."""
        return bool(self.header.degraded) or not self.slots


class PlanState(NamedTuple):
    """The state of a plan before an extension: `end` is the position of the next slot, `item_ids` are in plan order."""

    header: PlanHeader
    end: int
    tail: tuple[TitleAndGenre, ...]
    item_ids: list[str]


def read_pointer(viewer: str, feed: str) -> Read[SessionPointer | None]:
    """Return a read of the viewer's session pointer; None if there is no current session, or it is unreadable."""
    name = keys.SESSION.name(viewer=viewer, feed=feed)
    return Read(lambda pipe: pipe.get(name), SessionPointer.unpacked)


def read_state(viewer: str, session: str) -> Read[PlanState | None]:
    """Return a read of a plan's state; None if the plan is lost. Decoding deletes an unreadable plan: 1 round trip."""
    plan, slots = _plan_keys(viewer, session)

    def queue(pipe: Pipeline) -> None:
        pipe.hmget(plan, "header", "base", "tail")
        pipe.lrange(slots, 0, -1)

    return Read(queue, lambda *replies: _decode_state(viewer, session, *replies))


def serve_slots(
    viewer: str, session: str, *, start: int, count: int, served_to: int, ttl: int
) -> PlanSlice | None:
    """Return slots from `start` on, record those below `served_to` as served, and set the plan's TTL to `ttl` seconds.

    With a `ttl` of 0 the TTL stays. Returns None if the plan is lost; an unreadable one is deleted first, which is 1
    more round trip. If the plan was replaced from a later position, the slice starts at its first slot. If Redis
    rejects writes, marks and TTL are skipped. The first read after that records what is missing.
    """
    args = [session, MAX_SERVED_ITEMS, keys.SERVED.ttl, start, count, served_to, ttl]
    reply = plan_scripts.SERVE.run(state_redis(), keys=_serve_keys(viewer, session), args=args)
    return _decode_slice(viewer, session, reply)


def create_plan(
    viewer: str,
    draft: ChunkDraft,
    *,
    expected: SessionPointer | None,
    pointer: SessionPointer,
    served_to: int,
) -> SessionPointer | None:
    """Start a session with this plan, if the viewer's pointer is still the `expected` one.

    Returns None on success, otherwise the pointer of the session that another request started. If another version of
    the application wrote the expected pointer, this is 1 more round trip.
    """

    def store(condition: str | bytes) -> bytes:
        return _store_plan(
            viewer, draft, mode="create", condition=condition, pointer=pointer, served_to=served_to
        )

    current = store(expected.packed() if expected else "")
    if current and SessionPointer.unpacked(current) in {None, expected}:
        # It is unreadable or has surplus fields, so only its own bytes equal it.
        current = store(current)
    return SessionPointer.unpacked(current)


def replace_lost_plan(viewer: str, draft: ChunkDraft, *, unrecorded: Sequence[str], served_to: int) -> bool:
    """Store a plan in place of a lost one; return False if another request has done so.

    `unrecorded` are items of the lost plan that were served but not recorded as served.
    """
    condition = orjson.dumps(list(unrecorded))
    return not _store_plan(
        viewer, draft, mode="replace", condition=condition, pointer=None, served_to=served_to
    )


def append_chunk(
    viewer: str, draft: ChunkDraft, *, length: int, start: int, count: int, served_to: int
) -> PlanSlice | None:
    """Append a chunk to a plan of `length` slots, then serve slots as `serve_slots` does, in the same round trip.

    If another request has appended one, this chunk is discarded. A degraded chunk shortens the plan's TTL. Returns
    None if the plan is lost.
    """
    session, slots = draft.header.session, pack_slots(draft.slots)
    degraded = bool(draft.header.degraded)
    args: list[Any] = [session, MAX_SERVED_ITEMS, keys.SERVED.ttl, start, count, served_to, 0]
    args += [length, DEGRADED_TTL if degraded else PLAN_MAX_TTL, len(slots), *slots]
    args += [*_hash_fields(draft), "short_lived", int(degraded)]
    reply = plan_scripts.APPEND_AND_SERVE.run(state_redis(), keys=_serve_keys(viewer, session), args=args)
    return _decode_slice(viewer, session, reply)


def slice_draft(draft: ChunkDraft, *, count: int) -> PlanSlice:
    """Return the slice that `serve_slots` would return for the draft's first slots, without a round trip."""
    slots = pack_slots(draft.slots[:count])
    return PlanSlice(draft.header, draft.exhausted, draft.start, draft.start + len(draft.slots), slots)


def _store_plan(
    viewer: str,
    draft: ChunkDraft,
    *,
    mode: str,
    condition: str | bytes,
    pointer: SessionPointer | None,
    served_to: int,
) -> bytes:
    slots, short_lived = pack_slots(draft.slots), draft.is_short_lived
    args: list[Any] = [draft.header.session, MAX_SERVED_ITEMS, keys.SERVED.ttl]
    args += [mode, condition, pointer.packed() if pointer else ""]
    args += [
        DEGRADED_TTL if short_lived else SESSION_POINTER_TTL,
        DEGRADED_TTL if short_lived else PLAN_IDLE_TTL,
    ]
    args += [served_to, draft.start, len(slots), *slots]
    args += [*_hash_fields(draft), "short_lived", int(short_lived)]
    names = [
        *_serve_keys(viewer, draft.header.session),
        keys.SESSION.name(viewer=viewer, feed=draft.header.feed),
    ]
    current: bytes = plan_scripts.CREATE_OR_REPLACE.run(state_redis(), keys=names, args=args)
    return current


def _decode_state(
    viewer: str, session: str, fields: Sequence[bytes | None], slots: Sequence[bytes]
) -> PlanState | None:
    raw, base, tail = fields
    if raw is None:
        return None
    header = PlanHeader.unpacked(raw)
    if header is None or base is None or not base.isdigit():
        delete_plan(viewer, session)
        return None
    ids = [get_item_id(slot) for slot in slots]
    return PlanState(header, int(base) + len(ids), unpack_tail(tail), ids)


def _decode_slice(viewer: str, session: str, reply: Any) -> PlanSlice | None:
    if not reply:
        return None
    raw, exhausted, start, end, slots, unmarked, unextended = reply
    header = PlanHeader.unpacked(raw)
    if header is None:
        delete_plan(viewer, session)
        return None
    _skip("plan_ttl", unextended)
    return PlanSlice(header, bool(exhausted), start, end, slots, recorded=not _skip("served", unmarked))


def _skip(what: Skippable, reply: Any) -> bool:
    """Skip a write if its reply is a rejection, and return whether it is. Raises another error reply."""
    if isinstance(reply, WRITE_REJECTIONS):
        rejections.skip(what, reply)
    elif isinstance(reply, Exception):
        raise reply
    return isinstance(reply, Exception)


def delete_plan(viewer: str, session: str) -> None:
    """Delete a plan that is unreadable or was cut, so that `replace_lost_plan` stores another. Cost: 1 round trip."""
    state_redis().unlink(*_plan_keys(viewer, session))


def _plan_keys(viewer: str, session: str) -> list[str]:
    return [keys.PLAN.name(viewer=viewer, session=session), keys.SLOTS.name(viewer=viewer, session=session)]


def _serve_keys(viewer: str, session: str) -> list[str]:
    return [*_plan_keys(viewer, session), keys.SERVED.name(viewer=viewer)]


def _hash_fields(draft: ChunkDraft) -> list[Any]:
    fields = {
        "header": draft.header.packed(),
        "exhausted": int(draft.exhausted),
        "tail": pack_tail(draft.tail),
        f"receipt:{draft.start}": orjson.dumps(draft.receipt),
    }
    return [part for field_and_value in fields.items() for part in field_and_value]
