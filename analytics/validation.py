"""Validate events from phones. Pure: the clock is an argument.

A request may carry 500 events, so this is plain Python: a serializer would be called 500 times.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, Final, Literal

from analytics.event_format import make_dedup_key
from analytics.types import (
    EVENT_KINDS,
    MAX_EVENT_AGE_SECONDS,
    MAX_EVENT_ID_LENGTH,
    MAX_EVENTS_PER_REQUEST,
    MAX_WATCHED_SECONDS,
    Event,
)
from content.types import ITEM_ID_PATTERN

Code = Literal[
    "not_an_object",
    "invalid_event_type",
    "invalid_item_id",
    "invalid_timestamp",
    "too_old",
    "invalid_duration",
    "invalid_metadata",
    "invalid_event_id",
    "too_many",
]

MAX_TIMESTAMP_LENGTH: Final = 40
_KINDS: Final = frozenset(EVENT_KINDS)
_ITEM_ID: Final = re.compile(ITEM_ID_PATTERN)
_NO_ID: Final = ""  # the stream assigns ids


@dataclass(frozen=True, slots=True)
class Rejected:
    """The index of a rejected event in its request, and the reason."""

    index: int
    code: Code


class EventRejected(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


def validate_events(events: Sequence[Any], *, viewer: str, now: float) -> tuple[list[Event], list[Rejected]]:
    """Return the valid events, without ids, and the rejected ones; `now` is epoch seconds.

    Only the first 500 events are validated. The others are rejected as `too_many`.
    """
    valid: list[Event] = []
    rejected: list[Rejected] = []
    for index, body in enumerate(events):
        try:
            if index >= MAX_EVENTS_PER_REQUEST:
                raise EventRejected("too_many")
            valid.append(_parse_event(body, viewer, now))
        except EventRejected as error:
            rejected.append(Rejected(index, error.code))
    return valid, rejected


def _parse_event(body: Any, viewer: str, now: float) -> Event:
    if not isinstance(body, Mapping):
        raise EventRejected("not_an_object")
    kind, item = body.get("eventType"), body.get("itemId")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise EventRejected("invalid_event_type")
    if not isinstance(item, str) or not _ITEM_ID.match(item) or not _is_encodable(item):
        raise EventRejected("invalid_item_id")
    milliseconds = _parse_timestamp(body.get("timestamp"))
    if milliseconds <= (now - MAX_EVENT_AGE_SECONDS) * 1_000:
        raise EventRejected("too_old")
    if not isinstance(body.get("metadata"), Mapping | None):
        raise EventRejected("invalid_metadata")
    # The key uses the phone's own timestamp, before it is limited to `now`: a retry must get the same key.
    event_id = _parse_event_id(body.get("eventId"))
    dedup_key = (
        make_dedup_key("id", viewer, event_id)
        if event_id
        else make_dedup_key(viewer, item, kind, milliseconds)
    )
    occurred_at = min(milliseconds // 1_000, int(now))
    watched_seconds = _parse_duration(body.get("durationWatched"))
    return Event(_NO_ID, viewer, item, kind, occurred_at, watched_seconds, dedup_key)


def _parse_timestamp(timestamp: Any) -> int:
    """Return the epoch milliseconds of an ISO 8601 time. A time without a zone is UTC."""
    if not isinstance(timestamp, str) or len(timestamp) > MAX_TIMESTAMP_LENGTH:
        raise EventRejected("invalid_timestamp")
    try:
        moment = datetime.fromisoformat(timestamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise EventRejected("invalid_timestamp") from None


def _parse_duration(seconds: Any) -> int | None:
    """Return whole seconds, one day at most. Dart writes durations as floats, such as 12.0.

    A longer duration is cut, not rejected: the viewer saw the item even if the phone did not stop its timer.
    """
    if seconds is None:
        return None
    # The comparison also rejects NaN.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < inf:
        raise EventRejected("invalid_duration")
    return int(min(seconds, MAX_WATCHED_SECONDS))


def _parse_event_id(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_EVENT_ID_LENGTH or not _is_encodable(value):
        raise EventRejected("invalid_event_id")
    return value


def _is_encodable(value: str) -> bool:
    """Return whether the text can be encoded as UTF-8. A lone surrogate cannot."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
