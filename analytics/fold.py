"""Events to deltas of counts. Pure: any split into batches, any order, and (as repeated events are dropped before)
any repetition gives the same sums.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from analytics.types import KINDS, Event
from core.units import DAY, HOUR

RANK: Final = {kind: rank for rank, kind in enumerate(KINDS)}
VOTES_WITHIN: Final = (
    DAY  # an event that came later than this after it happened says nothing of what is on now
)

Cell = tuple[str, str, int, str]  # item, span, start, kind
Sums = dict[Cell, list[int]]  # events, votes, seconds


class Row(NamedTuple):
    """What is added to a row of `Count`, or makes it."""

    item: str
    span: str
    start: int
    kind: str
    events: int
    votes: int
    seconds: int


def hour_of(at: int) -> int:
    """The start of its hour, in epoch seconds."""
    return at - at % HOUR


def votes(event: Event) -> bool:
    """Whether it is heard in what is trending."""
    return event.arrived - event.at < VOTES_WITHIN


def count(events: Iterable[Event]) -> Sums:
    """Each event in the hour in which it happened, and in the item's total."""
    sums: Sums = {}
    for event in events:
        for span, start in (("hour", hour_of(event.at)), ("total", 0)):
            cell = sums.setdefault((event.item, span, start, event.kind), [0, 0, 0])
            cell[0] += 1
            cell[2] += event.watched or 0
    return sums


def vote(sums: Sums, events: Sequence[Event], answers: Sequence[int]) -> None:
    """Add the votes: each event's claim to its viewer's vote for the item in the hour of its arrival was answered
    by a mark (see `analytics.marks.claim`): new, instead of one for something weaker, or none."""
    for event, answer in zip(events, answers, strict=True):
        if answer < -1:
            continue
        hour = hour_of(event.arrived)
        sums.setdefault((event.item, "hour", hour, event.kind), [0, 0, 0])[1] += 1
        if answer >= 0:
            sums.setdefault((event.item, "hour", hour, KINDS[answer]), [0, 0, 0])[1] -= 1


def rows(sums: Sums) -> list[Row]:
    """What is to be added; cells at nothing are left out."""
    return [Row(*cell, *values) for cell, values in sums.items() if any(values)]
