"""The format of plans and session pointers in Redis.

A plan is a hash (header, receipts) and a list of slots. A slot is `<item id> <JSON>`; its JSON is spliced into the
item's card unchanged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from feed.types import Slot

_SOURCE_PREFIX: Final = b'{"source":"'


@dataclass(frozen=True, slots=True)
class SessionPointer:
    """A viewer's current session of a feed type. `started` is epoch seconds, `choice_version` the profile's."""

    session: str
    started: int
    choice_version: int

    def packed(self) -> str:
        return f"{self.session} {self.started} {self.choice_version}"

    @classmethod
    def unpacked(cls, raw: bytes | None) -> "SessionPointer | None":
        if not raw:
            return None
        session, started, choice_version = raw.decode().split(" ")
        return cls(session, int(started), int(choice_version))


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """The properties of a plan that each of its pages needs. `started` is epoch seconds."""

    session: str
    feed: str
    started: int
    generation: int | None
    degraded: tuple[str, ...] = ()

    def packed(self) -> bytes:
        return orjson.dumps(self)

    @classmethod
    def unpacked(cls, raw: bytes) -> "PlanHeader":
        body = orjson.loads(raw)
        return cls(**{**body, "degraded": tuple(body["degraded"])})


def pack_slots(slots: Iterable[Slot]) -> list[bytes]:
    return [b"%b %b" % (slot.id.encode(), _pack_fields(slot)) for slot in slots]


def split_slot(raw: bytes) -> tuple[str, bytes]:
    """Return (item id, JSON) of a stored slot."""
    item_id, _, fragment = raw.partition(b" ")
    return item_id.decode(), fragment


def unpack_slot(raw: bytes) -> Slot:
    item, fragment = split_slot(raw)
    body = orjson.loads(fragment)
    source, reason, score = body.pop("source"), body.pop("reason"), body.pop("score")
    return Slot(item, source, reason, score, body or None)


def get_source(fragment: bytes) -> str:
    """Return the source of a slot's JSON, its first field."""
    return fragment[len(_SOURCE_PREFIX) :].partition(b'"')[0].decode()


def _pack_fields(slot: Slot) -> bytes:
    # The source comes first: `get_source` reads it without parsing.
    fields = {"source": slot.source, "reason": slot.reason, "score": slot.score}
    return orjson.dumps({**fields, **(slot.social_fields or {})})
