"""Plain values that analytics shares with other apps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from core.units import DAY

EventKind = Literal["view", "skip", "complete", "save", "like", "share"]

# The strength of each kind as a vote: a viewer's strongest event on an item within an hour is their vote.
# Dedup keys store these numbers, so never renumber a kind. The gaps leave room for new kinds.
KIND_RANKS: Final[Mapping[EventKind, int]] = {
    "view": 0,
    "skip": 10,
    "complete": 20,
    "save": 30,
    "like": 40,
    "share": 50,
}
EVENT_KINDS: Final[tuple[EventKind, ...]] = tuple(KIND_RANKS)

MAX_EVENTS_PER_REQUEST: Final = 500
MAX_BODY_BYTES: Final = 512 * 1024
MAX_EVENT_AGE_SECONDS: Final = 30 * DAY  # an event of this age is rejected
MAX_EVENT_ID_LENGTH: Final = 128
MAX_WATCHED_SECONDS: Final = 1 * DAY  # longer durations are cut to this

# Every reader must run: a stream is trimmed only up to the entries that all readers have read.
COUNTS_READER: Final = "counts"
HISTORY_READER: Final = "history"
READERS: Final = (COUNTS_READER, HISTORY_READER)


class Event(NamedTuple):
    """A report that a viewer did something to an item.

    `id` is the id of its entry in its shard's stream; it is empty until the stream assigns one. `occurred_at` is the
    time that the phone reported, in epoch seconds; it is never later than the arrival. `dedup_key` identifies the
    event: a phone's retry has the same one.
    """

    id: str
    viewer: str
    item: str
    kind: EventKind
    occurred_at: int
    watched_seconds: int | None
    dedup_key: bytes

    @property
    def arrived_at(self) -> int:
        """The time at which the event was appended to its stream, in epoch seconds."""
        return parse_entry_id(self.id)[0] // 1_000


@dataclass(frozen=True, slots=True)
class Totals:
    """The all-time event counts of one item, by kind."""

    events: Mapping[str, int]

    def get_count(self, kind: EventKind) -> int:
        """Return the count of one kind, 0 if there were no such events."""
        return self.events.get(kind, 0)


class HourlyVotes(NamedTuple):
    """The number of viewers whose vote for an item, in the hour that began at `hour` (epoch seconds), is `kind`."""

    hour: int
    kind: EventKind
    votes: int


def is_entry_id(text: str) -> bool:
    """Return whether `parse_entry_id` can parse a text."""
    return re.fullmatch(r"\d{1,20}-\d{1,20}", text, re.ASCII) is not None


def parse_entry_id(entry_id: str) -> tuple[int, int]:
    """Return the numbers of an entry id, `<milliseconds>-<sequence>`. Raises ValueError.

    Entry ids must be compared as numbers: as text, `10-0` comes before `9-0`.
    """
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)
