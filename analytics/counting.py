"""Compute how events change counts. Pure.

Counts are sums, so the result does not depend on how events are split into batches, or on their order. Duplicates are
removed before.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from analytics.types import KIND_RANKS, Event
from core.units import DAY, HOUR

MAX_VOTE_DELAY_SECONDS: Final = DAY  # an event that arrives later does not show what is trending now
_KINDS_BY_RANK: Final = {rank: kind for kind, rank in KIND_RANKS.items()}

CountKey = tuple[str, str, int, str]  # item, period, period start, kind
CountSums = dict[CountKey, list[int]]  # events, votes, seconds watched


class CountDelta(NamedTuple):
    """The numbers to add to one row of `Count`."""

    item: str
    period: str
    period_start: int
    kind: str
    events: int
    votes: int
    watched_seconds: int


def get_hour(at: int) -> int:
    """Return the start of the hour that contains `at`, both in epoch seconds."""
    return at - at % HOUR


def is_timely(event: Event) -> bool:
    """Return whether the event arrived soon enough after it happened to be a vote."""
    return event.arrived_at - event.occurred_at < MAX_VOTE_DELAY_SECONDS


def count_events(events: Iterable[Event]) -> CountSums:
    """Count each event in the hour in which it happened, and in the item's total."""
    sums: CountSums = {}
    for event in events:
        for period, start in (("hour", get_hour(event.occurred_at)), ("total", 0)):
            values = sums.setdefault((event.item, period, start, event.kind), [0, 0, 0])
            values[0] += 1
            values[2] += event.watched_seconds or 0
    return sums


def add_votes(sums: CountSums, events: Sequence[Event], results: Sequence[int]) -> None:
    """Add the events' votes to `sums`, in the hour of arrival.

    `results` are those of `dedup.register` for the votes: a new vote is added, a stronger vote replaces the viewer's
    earlier vote, and a duplicate changes nothing.
    """
    for event, result in zip(events, results, strict=True):
        if result < -1:
            continue
        hour = get_hour(event.arrived_at)
        sums.setdefault((event.item, "hour", hour, event.kind), [0, 0, 0])[1] += 1
        if result >= 0:
            sums.setdefault((event.item, "hour", hour, _KINDS_BY_RANK[result]), [0, 0, 0])[1] -= 1


def to_rows(sums: CountSums) -> list[CountDelta]:
    """Return the deltas to store, without those that add nothing."""
    return [CountDelta(*key, *values) for key, values in sums.items() if any(values)]
