"""The history of a run: every operation of every client with its times and its answer, and the faults.

A history is plain values. It knows neither HTTP nor threads, so another program can record one and check it with
`soak.checks`. All times are seconds on one clock, which may start anywhere.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

Kind = Literal[
    "relate",  # actor's relation to the title `subject`; `present` is False for an undo
    "follow",  # actor → person `subject`
    "unfollow",
    "block",
    "unblock",
    "page",  # a page of the feed type `subject`
    "report",  # events
    "publish",  # the item `subject`, by staff
    "unpublish",
    "count",  # the stored counts, read when no work was left
]
# Seconds after the end of an operation without an answer in which it may still take effect. The server ends a request
# at its deadline, which is earlier.
LATE_SECONDS: Final = 5.0


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """An item of a page. `authors` are the followees whom a `following` feed names; other feeds name none."""

    item: str
    title: str = ""
    authors: tuple[str, ...] = ()


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page of a session. `cursor` was sent, and is empty for a first page; `next_cursor` is empty on the last one.

    `is_rebuilt`: the plan was lost and built again. `lost_served`: and nobody knows what the session had been served.
    """

    session: str
    shown: tuple[Shown, ...]
    cursor: str = ""
    next_cursor: str = ""
    is_rebuilt: bool = False
    lost_served: bool = False


class Event(msgspec.Struct, frozen=True, array_like=True):
    """An event as its phone identifies it. `hour` is epoch seconds, `seconds` the time watched."""

    identity: str
    item: str
    hour: int
    kind: str
    seconds: int = 0


class Count(msgspec.Struct, frozen=True, array_like=True):
    """A stored hourly count."""

    item: str
    hour: int
    kind: str
    events: int
    seconds: int


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request of a client, or with status 0 a request without an answer. A retry is an operation of its own.

    `problem` describes how the answer differs from the documented ones.
    """

    actor: str
    kind: Kind
    subject: str
    start: float
    end: float
    status: int = 200
    endpoint: str = ""
    problem: str = ""
    present: bool = True
    page: Page | None = None
    events: tuple[Event, ...] = ()
    counts: tuple[Count, ...] = ()

    @property
    def is_ok(self) -> bool:
        return self.status == 200

    @property
    def is_answered(self) -> bool:
        return self.status != 0

    @property
    def is_refused(self) -> bool:
        """Whether the server rejected the request, so that it has no effect."""
        return 400 <= self.status < 500

    @property
    def is_failed(self) -> bool:
        """Whether the operation may or may not have taken effect."""
        return not self.is_ok and not self.is_refused

    @property
    def effect_end(self) -> float:
        """The time after which the operation cannot take effect."""
        return self.end if self.is_answered else self.end + LATE_SECONDS

    @property
    def milliseconds(self) -> float:
        return 1_000 * (self.end - self.start)


class Fault(msgspec.Struct):
    """A fault that was injected.

    `loses_since`: events that were acknowledged from this time to the end of the fault may be lost. It is the *loss
    window* of a server that is rolled back or replaced; other faults have none.
    """

    name: str
    start: float
    end: float = float("inf")
    loses_since: float | None = None

    def overlaps(self, start: float, end: float) -> bool:
        return self.start <= end and self.end >= start

    def may_lose(self, acknowledged: float) -> bool:
        return self.loses_since is not None and self.loses_since <= acknowledged <= self.end


class Stall(msgspec.Struct, frozen=True, array_like=True):
    """A span of time of which the servers spent `seconds` ready to run, but without a processor."""

    start: float
    end: float
    seconds: float

    @property
    def is_heavy(self) -> bool:
        """Whether the servers waited longer than they ran. Requests may then miss their deadline of a second."""
        return 2 * self.seconds > self.end - self.start

    def overlaps(self, start: float, end: float) -> bool:
        return self.start <= end and self.end >= start


class History(msgspec.Struct):
    """A run. `items` has the items of each title; all of them are published at the start."""

    operations: list[Operation]
    faults: list[Fault] = msgspec.field(default_factory=list)
    stalls: list[Stall] = msgspec.field(default_factory=list)
    items: dict[str, list[str]] = msgspec.field(default_factory=dict)
    seed: int = 0
    start: float = 0.0

    def with_operations(self, operations: Iterable[Operation]) -> "History":
        """Return the same run with these operations only."""
        return msgspec.structs.replace(self, operations=list(operations))


def group_items(titles: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the items of each title, from the title of each item."""
    items: dict[str, list[str]] = {}
    for item, title in titles.items():
        items.setdefault(title, []).append(item)
    return items


def write(history: History, path: Path) -> None:
    """Write a history as JSON lines: everything but the operations first, then one operation a line."""
    encoder = msgspec.json.Encoder()
    with path.open("wb") as file:
        file.write(encoder.encode(history.with_operations(())) + b"\n")
        for operation in history.operations:
            file.write(encoder.encode(operation) + b"\n")


def read(path: Path) -> History:
    """Return the history of a file that `write` made."""
    decoder = msgspec.json.Decoder(Operation)
    with path.open("rb") as file:
        history = msgspec.json.decode(file.readline(), type=History)
        return history.with_operations(decoder.decode(line) for line in file)
