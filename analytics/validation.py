"""What a phone sends of one event, checked. Pure: the clock is an argument.

By hand, not by a serializer: five hundred events in a request are five hundred calls.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any, Final, Literal

from analytics.packing import digest_of
from analytics.types import BATCH_EVENTS, EVENT_ID_LENGTH, KINDS, TOO_OLD, WATCHED_MOST, Event
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

_KINDS: Final = frozenset(KINDS)
_ITEM: Final = re.compile(ITEM_ID_PATTERN)
TIMESTAMP_LENGTH: Final = 40
_UNPLACED: Final = ""  # the stream gives ids


@dataclass(frozen=True, slots=True)
class Rejected:
    """Which event of a batch is not taken, and why."""

    index: int
    code: Code


class Refused(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code: Code = code


def check(events: Sequence[Any], *, viewer: str, now: float) -> tuple[list[Event], list[Rejected]]:
    """The events that can be taken, without ids, and the others; `now` is epoch seconds.

    Of more than 500 the first 500 are looked at, and the rest is refused.
    """
    taken: list[Event] = []
    rejected: list[Rejected] = []
    for index, body in enumerate(events):
        try:
            if index >= BATCH_EVENTS:
                raise Refused("too_many")
            taken.append(_event(body, viewer, now))
        except Refused as reason:
            rejected.append(Rejected(index, reason.code))
    return taken, rejected


def _event(body: Any, viewer: str, now: float) -> Event:
    if not isinstance(body, Mapping):
        raise Refused("not_an_object")
    kind, item = body.get("eventType"), body.get("itemId")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise Refused("invalid_event_type")
    if not isinstance(item, str) or not _ITEM.match(item) or not _is_text(item):
        raise Refused("invalid_item_id")
    said = _milliseconds(body.get("timestamp"))
    if said <= (now - TOO_OLD) * 1_000:
        raise Refused("too_old")
    if not isinstance(body.get("metadata"), Mapping | None):
        raise Refused("invalid_metadata")
    # By what the phone said, not by what counts of it: a retry is to be told from the same words.
    event_id = _event_id(body.get("eventId"))
    digest = digest_of("id", viewer, event_id) if event_id else digest_of(viewer, item, kind, said)
    at = min(said // 1_000, int(now))
    return Event(_UNPLACED, viewer, item, kind, at, _watched(body.get("durationWatched")), digest)


def _milliseconds(timestamp: Any) -> int:
    """Epoch milliseconds of an ISO 8601 time; without a zone it is UTC."""
    if not isinstance(timestamp, str) or len(timestamp) > TIMESTAMP_LENGTH:
        raise Refused("invalid_timestamp")
    try:
        moment = datetime.fromisoformat(timestamp)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise Refused("invalid_timestamp") from None


def _watched(seconds: Any) -> int | None:
    """Whole seconds of any number: Dart writes doubles as 12.0. More than a day counts as a day: a phone that forgot
    to stop its clock saw the item all the same."""
    if seconds is None:
        return None
    # NaN is not at least 0 either.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < inf:
        raise Refused("invalid_duration")
    return int(min(seconds, WATCHED_MOST))


def _event_id(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > EVENT_ID_LENGTH or not _is_text(value):
        raise Refused("invalid_event_id")
    return value


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: a lone surrogate cannot."""
    return value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value)
