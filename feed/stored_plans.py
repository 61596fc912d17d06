"""A plan as staff see it, read without serving it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.codecs import convert, decode
from core.redis.client import state_redis
from feed import keys
from feed.plan_format import PlanHeader, unpack_slot
from feed.types import Slot


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """The first slots of a plan, and its receipts in the order of chunks."""

    header: PlanHeader
    base: int
    length: int
    slots: list[Slot]
    receipts: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Receipt:
    """The fields of a receipt that a page of the admin needs."""

    shares: Mapping[str, int]
    drops: Mapping[str, int]


def get_plan(viewer: str, session: str, *, count: int) -> StoredPlan | None:
    """Return a plan with its first `count` slots, without serving them or extending its TTL. Cost: 1 round trip.

    Unreadable slots and receipts are left out. Returns None if the plan is lost or unreadable.
    """
    pipe = state_redis().pipeline()
    pipe.hgetall(keys.PLAN.name(viewer=viewer, session=session))
    slots = keys.SLOTS.name(viewer=viewer, session=session)
    pipe.llen(slots)
    pipe.lrange(slots, 0, count - 1)
    fields, length, raw = pipe.execute()
    header, base = PlanHeader.unpacked(fields.get(b"header")), fields.get(b"base", b"")
    if header is None or not base.isdigit():
        return None
    return StoredPlan(
        header=header,
        base=int(base),
        length=length,
        slots=[slot for slot in map(unpack_slot, raw) if slot is not None],
        receipts=_decode_receipts(fields),
    )


def _decode_receipts(fields: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    starts = [name.removeprefix(b"receipt:") for name in fields if name.startswith(b"receipt:")]
    ordered = sorted((start for start in starts if start.isdigit()), key=int)
    receipts = (unpack_receipt(fields[b"receipt:" + start]) for start in ordered)
    return [receipt for receipt in receipts if receipt is not None]


def unpack_receipt(raw: bytes) -> dict[str, Any] | None:
    """Return a stored receipt, None if it is unreadable."""
    receipt = decode(dict[str, Any], raw)
    return receipt if convert(_Receipt, receipt) is not None else None
