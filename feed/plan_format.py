"""The format of plans and session pointers in Redis.

A plan is a hash (header, receipts) and a list of slots. A slot is `<item id> <JSON>`; its JSON is spliced into the
item's card unchanged.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from content.types import ITEM_ID_PATTERN
from core.codecs import convert_items, decode, load_json
from feed.types import Slot, TitleAndGenre

_SOURCE_PREFIX: Final = b'{"source":"'
_ITEM_ID: Final = re.compile(ITEM_ID_PATTERN)


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
        """Return a stored pointer, None if it is unreadable or absent."""
        if not raw:
            return None
        try:
            session, started, choice_version, *_ = raw.decode().split(" ")
            return cls(session, int(started), int(choice_version))
        except ValueError:
            return None


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
    def unpacked(cls, raw: bytes | None) -> "PlanHeader | None":
        """Return a stored header, None if it is unreadable or absent."""
        return decode(cls, raw)


class StoredSlot(NamedTuple):
    """A slot as it is stored: `fragment` is the JSON that is spliced into the item's card."""

    item: str
    source: str
    fragment: bytes


def pack_slots(slots: Iterable[Slot]) -> list[bytes]:
    return [b"%b %b" % (slot.id.encode(), _pack_fields(slot)) for slot in slots]


def read_slot(raw: bytes) -> StoredSlot | None:
    """Return a stored slot, None if it is unreadable.

    Only JSON that does not begin as this version writes it is parsed: every page reads slots.
    """
    item, _, fragment = raw.partition(b" ")
    source: Any = None
    if fragment.startswith(_SOURCE_PREFIX) and fragment.endswith(b"}"):
        source = fragment[len(_SOURCE_PREFIX) :].partition(b'"')[0].decode(errors="replace")
    elif fragment.startswith(b"{") and type(body := load_json(fragment)) is dict:
        source = body.get("source")
    item_id = item.decode(errors="replace")
    if type(source) is not str or _ITEM_ID.match(item_id) is None:
        return None
    return StoredSlot(item_id, source, fragment)


def unpack_slot(raw: bytes) -> Slot | None:
    """Return a stored slot with all its fields, None if it is unreadable."""
    stored = read_slot(raw)
    body = decode(dict[str, Any], stored.fragment) if stored else None
    if stored is None or body is None:
        return None
    social_fields = {name: value for name, value in body.items() if name not in Slot._fields}
    fields = [body.get(name) for name in ("source", "reason", "score")]
    return convert_items(Slot, [*fields, social_fields or None], stored.item)


def get_item_id(raw: bytes) -> str:
    """Return the item id of a stored slot, "" if the slot is unreadable."""
    return raw.partition(b" ")[0].decode(errors="replace")


def pack_tail(tail: Sequence[TitleAndGenre]) -> bytes:
    return orjson.dumps(list(tail))


def unpack_tail(raw: bytes | None) -> tuple[TitleAndGenre, ...]:
    """Return the title and genre of a plan's last slots, none if they are unreadable."""
    return decode(tuple[TitleAndGenre, ...], raw) or ()


def _pack_fields(slot: Slot) -> bytes:
    # The source comes first: `read_slot` finds it without parsing.
    fields = {"source": slot.source, "reason": slot.reason, "score": slot.score}
    return orjson.dumps({**fields, **(slot.social_fields or {})})
