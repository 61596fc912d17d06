"""Session, plan and served list in Redis. Each function is one script call: one wait, atomic on one hash slot.

A plan is a hash (header, receipts) and a list of slots; a slot is `<item id> <json>`, the
json being spliced into the card as it is. Positions count from the session's first slot;
`base` is that of the plan's first one (above 0 when the plan was made again).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson
from redis.client import Pipeline

from core.redis.client import state_redis
from core.redis.reads import Read
from core.units import HOUR, MINUTE
from feed import keys, plan_scripts
from feed.types import Slot

HEAD_FOR: Final = 10 * MINUTE  # a session's head answers requests without a cursor
KEPT_FOR: Final = 10 * MINUTE  # a plan after its last read through a cursor
LONGEST: Final = 2 * HOUR  # a plan from its session's start
SHORT: Final = MINUTE  # session and plan that were made while something was missing
SERVED_KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which session a viewer's feed is in: `started` is epoch seconds, `choices` the profile's choice version."""

    session: str
    started: int
    choices: int

    def packed(self) -> str:
        return f"{self.session} {self.started} {self.choices}"

    @classmethod
    def unpacked(cls, raw: bytes | None) -> "Pointer | None":
        if not raw:
            return None
        session, started, choices = raw.decode().split(" ")
        return cls(session, int(started), int(choices))


@dataclass(frozen=True, slots=True)
class Header:
    """What a plan remembers of its making, for each of its pages."""

    session: str
    feed: str
    started: int
    generation: int | None
    degraded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """A look at a plan: slots from position `start` on, as (item id, json); `stop` is the plan's end so far."""

    header: Header
    dry: bool
    start: int
    stop: int
    slots: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A planned chunk ready to be stored. `receipt` is kept under the chunk's number."""

    header: Header
    start: int
    slots: Sequence[Slot]
    dry: bool
    tail: Sequence[tuple[str, str | None]]
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def short(self) -> bool:
        """Made while something was missing, or empty: not worth keeping for long."""
        return bool(self.header.degraded) or not self.slots


def read(viewer: str, session: str, *, start: int, count: int, mark: int, ttl: int) -> View | None:
    """Slots from `start` on; those below `mark` are remembered as served, the plan is kept `ttl` seconds more.

    None when the plan is gone. A plan made again later than `start` answers from its own first slot.
    """
    args = [session, SERVED_KEPT, keys.SERVED.ttl, start, count, mark, ttl]
    return _view(plan_scripts.READ.run(state_redis(), keys=_looked_at(viewer, session), args=args))


def claim_new(
    viewer: str, draft: Draft, *, seen: Pointer | None, pointer: Pointer, mark: int
) -> Pointer | None:
    """Start a session with this plan; if the pointer moved since it was `seen`, the pointer that won instead."""
    before = seen.packed() if seen else ""
    return Pointer.unpacked(_claim(viewer, draft, mode="new", before=before, pointer=pointer, mark=mark))


def claim_again(viewer: str, draft: Draft, *, unmarked: Sequence[str], mark: int) -> bool:
    """Put a plan in the place of one that is gone; False if somebody else did so first.

    `unmarked` are items that the lost one had served without remembering it.
    """
    before = orjson.dumps(list(unmarked))
    return not _claim(viewer, draft, mode="again", before=before, pointer=None, mark=mark)


def append(viewer: str, draft: Draft, *, length: int, start: int, count: int, mark: int) -> View | None:
    """Lengthen a plan that has `length` slots, to a short life if something was missing, unless somebody else did.

    Then as `read`, in the same wait; None when the plan is gone.
    """
    session, slots = draft.header.session, _packed(draft.slots)
    degraded = bool(draft.header.degraded)
    lifetime = SHORT if degraded else LONGEST
    args: list[Any] = [session, SERVED_KEPT, keys.SERVED.ttl, start, count, mark, 0]
    args += [length, lifetime, len(slots), *slots, *_fields(draft), "short", int(degraded)]
    return _view(plan_scripts.APPEND.run(state_redis(), keys=_looked_at(viewer, session), args=args))


class PlanState(NamedTuple):
    """What an extension needs of its own plan: the position of its end, and the ids of all its slots."""

    header: Header
    end: int
    tail: tuple[tuple[str, str | None], ...]
    item_ids: list[str]


class Served(NamedTuple):
    """The served list, split: items of one session, items of others, and the number of entries of the one."""

    in_session: frozenset[str]
    elsewhere: frozenset[str]
    entries_in_session: int


def read_pointer(viewer: str, feed: str) -> Read[Pointer | None]:
    """Return a read of the viewer's session pointer; None if there is no current session."""
    return Read(lambda pipe: pipe.get(keys.SESSION.name(viewer=viewer, feed=feed)), Pointer.unpacked)


def read_state(viewer: str, session: str) -> Read[PlanState | None]:
    """Return a read of a plan's state; None if the plan is gone."""
    plan, slots = _keys(viewer, session)

    def queue(pipe: Pipeline) -> None:
        pipe.hmget(plan, "header", "base", "tail")
        pipe.lrange(slots, 0, -1)

    return Read(queue, _decode_state)


def read_served_count(viewer: str) -> Read[int]:
    """Return a read of the length of the viewer's served list."""
    return Read(lambda pipe: pipe.llen(keys.SERVED.name(viewer=viewer)), int)


def read_served(viewer: str, session: str) -> Read[Served]:
    """Return a read of the viewer's served list, split into `session` and other sessions."""
    return Read(
        lambda pipe: pipe.lrange(keys.SERVED.name(viewer=viewer), 0, -1),
        lambda raw: _split_served(raw, session),
    )


def _decode_state(fields: Sequence[bytes | None], slots: Sequence[bytes]) -> PlanState | None:
    header, base, tail = fields
    if header is None or base is None or tail is None:
        return None
    ids = [_split(slot)[0] for slot in slots]
    return PlanState(_header(header), int(base) + len(ids), tuple((t, g) for t, g in orjson.loads(tail)), ids)


def _split_served(raw: Sequence[bytes], session: str) -> Served:
    entries = [tuple(entry.decode().split(" ", 1)) for entry in raw]
    own = [item for owner, item in entries if owner == session]
    return Served(frozenset(own), frozenset(item for owner, item in entries if owner != session), len(own))


def _claim(
    viewer: str, draft: Draft, *, mode: str, before: str | bytes, pointer: Pointer | None, mark: int
) -> bytes:
    slots = _packed(draft.slots)
    lifetime = SHORT if draft.short else KEPT_FOR
    head_for = SHORT if draft.short else HEAD_FOR
    args: list[Any] = [
        draft.header.session,
        SERVED_KEPT,
        keys.SERVED.ttl,
        mode,
        before,
        pointer.packed() if pointer else "",
        head_for,
        lifetime,
        mark,
        draft.start,
        len(slots),
        *slots,
        *_fields(draft),
        "short",
        int(draft.short),
    ]
    names = [
        *_keys(viewer, draft.header.session),
        keys.SERVED.name(viewer=viewer),
        keys.SESSION.name(viewer=viewer, feed=draft.header.feed),
    ]
    winner: bytes = plan_scripts.CLAIM.run(state_redis(), keys=names, args=args)
    return winner


@dataclass(frozen=True, slots=True)
class Stored:
    """A plan as staff look at it: its first slots and its receipts in order of their chunks."""

    header: Header
    base: int
    length: int
    slots: list[Slot]
    receipts: list[dict[str, Any]]


def whole(viewer: str, session: str, *, count: int) -> Stored | None:
    """A plan without touching it: nothing is marked as served, nothing lives longer. Cost: 1 wait."""
    plan, slots = _keys(viewer, session)
    pipe = state_redis().pipeline()
    pipe.hgetall(plan)
    pipe.llen(slots)
    pipe.lrange(slots, 0, count - 1)
    fields, length, raw = pipe.execute()
    if not fields:
        return None
    receipts = {
        int(name.removeprefix(b"receipt:")): orjson.loads(value)
        for name, value in fields.items()
        if name.startswith(b"receipt:")
    }
    return Stored(
        header=_header(fields[b"header"]),
        base=int(fields[b"base"]),
        length=length,
        slots=[_slot(*_split(slot)) for slot in raw],
        receipts=[receipts[start] for start in sorted(receipts)],
    )


def view_of(draft: Draft, *, count: int) -> View:
    """What `read` would answer for the draft's first slots, without asking."""
    slots = [_split(slot) for slot in _packed(draft.slots[:count])]
    return View(draft.header, draft.dry, draft.start, draft.start + len(draft.slots), slots)


def _view(answer: Any) -> View | None:
    if not answer:
        return None
    header, dry, begin, stop, slots = answer
    return View(_header(header), bool(dry), begin, stop, [_split(slot) for slot in slots])


def _looked_at(viewer: str, session: str) -> list[str]:
    return [*_keys(viewer, session), keys.SERVED.name(viewer=viewer)]


def _keys(viewer: str, session: str) -> list[str]:
    return [keys.PLAN.name(viewer=viewer, session=session), keys.SLOTS.name(viewer=viewer, session=session)]


def _fields(draft: Draft) -> list[Any]:
    return [
        "header",
        orjson.dumps(draft.header),
        "dry",
        int(draft.dry),
        "tail",
        orjson.dumps(list(draft.tail)),
        f"receipt:{draft.start}",
        orjson.dumps(draft.receipt),
    ]


def _packed(slots: Sequence[Slot]) -> list[bytes]:
    return [
        b"%b %b"
        % (
            slot.id.encode(),
            orjson.dumps(
                {"source": slot.source, "reason": slot.reason, "score": slot.score, **(slot.social or {})}
            ),
        )
        for slot in slots
    ]


def _split(slot: bytes) -> tuple[str, bytes]:
    item_id, _, fragment = slot.partition(b" ")
    return item_id.decode(), fragment


def source_of(fragment: bytes) -> str:
    """The source of a slot's json, which `_packed` puts first."""
    return fragment[len(b'{"source":"') :].partition(b'"')[0].decode()


def _slot(item: str, fragment: bytes) -> Slot:
    body = orjson.loads(fragment)
    source, reason, score = body.pop("source"), body.pop("reason"), body.pop("score")
    return Slot(item, source, reason, score, body or None)


def _header(raw: bytes) -> Header:
    body = orjson.loads(raw)
    return Header(**{**body, "degraded": tuple(body["degraded"])})
