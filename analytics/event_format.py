"""Encode events as stream entries, and decode them. Pure."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import orjson

from analytics.types import EVENT_KINDS, Event

# The name of an entry's only field is the version of its format. Another format needs another name.
FORMAT_VERSION: Final = b"1"
DEDUP_KEY_BYTES: Final = 12  # 96 bits: two of 100 million keys are equal with a probability below 10^-13
_KINDS: Final = frozenset(EVENT_KINDS)


def make_dedup_key(*parts: str | int) -> bytes:
    """Return the digest that identifies an event or a vote. Equal parts give equal digests on every machine."""
    return blake2b(orjson.dumps(parts), digest_size=DEDUP_KEY_BYTES).digest()


def pack(event: Event) -> bytes:
    """Encode an event without its id, which the stream assigns. About 90 bytes."""
    dedup_key = b64encode(event.dedup_key).decode()
    return orjson.dumps(
        [event.viewer, event.item, event.kind, event.occurred_at, event.watched_seconds, dedup_key]
    )


def get_payload(fields: Sequence[bytes]) -> bytes:
    """Return the value that `pack` wrote, from an entry's alternating names and values.

    Raises ValueError if the entry has another format.
    """
    index = fields.index(FORMAT_VERSION)
    if index % 2 or index + 1 == len(fields):
        raise ValueError("the entry has another format")
    return fields[index + 1]


def unpack(entry_id: str, payload: bytes) -> Event:
    """Decode an event. Raises ValueError if `pack` did not write the payload."""
    try:
        viewer, item, kind, occurred_at, watched_seconds, dedup_key = orjson.loads(payload)
        event = Event(entry_id, viewer, item, kind, occurred_at, watched_seconds, b64decode(dedup_key))
        is_event = isinstance(viewer, str) and isinstance(item, str) and isinstance(occurred_at, int)
        is_event = is_event and isinstance(watched_seconds, int | None) and kind in _KINDS
    except (TypeError, ValueError) as error:
        raise ValueError("the payload cannot be decoded") from error
    if not is_event:
        raise ValueError("the payload is not an event")
    return event
