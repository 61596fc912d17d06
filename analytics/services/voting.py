"""Compute how events change counts, including votes, which dedup keys in Redis limit."""

from collections.abc import Sequence
from typing import Final

from analytics import counting, dedup, event_format
from analytics.types import KIND_RANKS, Event

_VOTE: Final = "vote"  # part of the digest, so that it differs from an event's


def get_count_sums(events: Sequence[Event], shard: int, *, now: float) -> counting.CountSums:
    """Return what a shard's events add to counts, votes included; `now` is epoch seconds.

    Idempotent for the same events. Cost: 2 round trips. Raises Redis errors.
    """
    sums = counting.count_events(events)
    timely = [event for event in events if counting.is_timely(event)]
    entries = [
        dedup.DedupEntry(_make_vote_key(event), dedup.make_owner(shard, event.id), KIND_RANKS[event.kind])
        for event in timely
    ]
    counting.add_votes(sums, timely, dedup.register(entries, now=now))
    return sums


def _make_vote_key(event: Event) -> bytes:
    """Return the dedup key of a viewer's vote for an item. The hour is that of arrival: a phone cannot choose it."""
    return event_format.make_dedup_key(_VOTE, event.viewer, event.item, counting.get_hour(event.arrived_at))
