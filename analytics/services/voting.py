"""What events add to counts, with the votes that Redis grants them."""

from collections.abc import Sequence
from typing import Final

from analytics import fold, marks, packing
from analytics.marks import Claim
from analytics.types import Event

_VOTE: Final = "vote"


def sums_of(events: Sequence[Event], shard: int, *, now: float | None = None) -> fold.Sums:
    """What these events of a shard add to counts, votes included. Repeating it gives the same. Cost: 2 waits."""
    sums = fold.count(events)
    voters = [event for event in events if fold.votes(event)]
    claims = [
        Claim(_vote_of(event), marks.holder(shard, event.id), fold.RANK[event.kind]) for event in voters
    ]
    fold.vote(sums, voters, marks.claim(claims, now=now))
    return sums


def _vote_of(event: Event) -> bytes:
    """One vote a viewer, item and hour of arrival: a phone can say when something was, not when it came."""
    return packing.digest_of(_VOTE, event.viewer, event.item, fold.hour_of(event.arrived))
