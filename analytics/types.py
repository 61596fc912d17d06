"""What analytics tells other apps of events: plain values, no models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from core.units import DAY

Kind = Literal["view", "skip", "complete", "save", "like", "share"]

# By the strength of what they say of an item, the weakest first: of all that a viewer says of an item within an
# hour, the strongest is their vote.
KINDS: Final[tuple[Kind, ...]] = ("view", "skip", "complete", "save", "like", "share")

BATCH_EVENTS: Final = 500  # events that a request may carry
BATCH_BYTES: Final = 512 * 1024  # and bytes of its body
TOO_OLD: Final = 30 * DAY  # seconds; an event of this age is refused
EVENT_ID_LENGTH: Final = 128
WATCHED_MOST: Final = 1 * DAY  # seconds; nobody watched one item for longer

# Who reads the streams. What all of them have read is trimmed, so one that is named here must run.
COUNTS: Final = "counts"
PEOPLE: Final = "people"
READERS: Final = (COUNTS, PEOPLE)


class Event(NamedTuple):
    """A viewer did something to an item. `at` and `arrived` are epoch seconds: when the phone says it was (never
    after it arrived), and when it came here. `watched` is seconds. `digest` says which event it is: a phone's
    retry has the same one. `id` is its place in its shard's stream.
    """

    id: str
    viewer: str
    item: str
    kind: Kind
    at: int
    watched: int | None
    digest: bytes

    @property
    def arrived(self) -> int:
        return int(self.id.partition("-")[0]) // 1_000


@dataclass(frozen=True, slots=True)
class Totals:
    """How often something was done to an item, ever, by kind."""

    events: Mapping[str, int]

    def of(self, kind: Kind) -> int:
        return self.events.get(kind, 0)


class Votes(NamedTuple):
    """How many viewers said this of an item in the hour that began at `hour` (epoch seconds), and nothing stronger."""

    hour: int
    kind: Kind
    votes: int
