"""Encode events as stream entries, and decode them. Pure."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import orjson

from analytics.types import EVENT_KINDS, MAX_WATCHED_SECONDS, Event
from core.units import LATEST_TIME

# The name of an entry's only field is the version of its format. Another format needs another name.
FORMAT_VERSION: Final = b"1"
DEDUP_KEY_BYTES: Final = 12  # 96 bits: two of 100 million keys are equal with a probability below 10^-13
_KINDS: Final = frozenset(EVENT_KINDS)
_MAX_NAME_LENGTH: Final = 128  # of a uid; an item id is shorter


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
    """Decode an event; surplus values are ignored. Raises ValueError if `pack` did not write the payload."""
    try:
        viewer, item, kind, occurred_at, watched_seconds, dedup_key, *_ = orjson.loads(payload)
        event = Event(entry_id, viewer, item, kind, occurred_at, watched_seconds, b64decode(dedup_key))
        is_event = kind in _KINDS and len(event.dedup_key) == DEDUP_KEY_BYTES
    except (TypeError, ValueError) as error:
        raise ValueError("the payload cannot be decoded") from error
    if not (is_event and _is_name(viewer) and _is_name(item) and _is_number(occurred_at, LATEST_TIME)):
        raise ValueError("the payload is not an event")
    if watched_seconds is not None and not _is_number(watched_seconds, MAX_WATCHED_SECONDS):
        raise ValueError("the payload has no valid duration")
    return event


def _is_name(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value and len(value) <= _MAX_NAME_LENGTH


def _is_number(value: object, highest: int) -> bool:
    return isinstance(value, int) and 0 <= value <= highest
