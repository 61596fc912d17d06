"""Events from phones on their way in: checked, appended, answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics import packing, stream, validation
from analytics.validation import Rejected


@dataclass(frozen=True, slots=True)
class Receipt:
    """How many events of a batch wait to be counted now, and which were refused."""

    accepted: int
    rejected: list[Rejected]


def accept(viewer: str, events: Sequence[Any], *, now: float) -> Receipt:
    """Take the events of one viewer's request, all that can be taken or none; `now` is epoch seconds.

    Cost: 1 wait, whatever their number; none where none can be taken. No SQL, no store call.
    Raises `analytics.stream.StreamFull` and Redis's errors, and then nothing was taken.
    """
    taken, rejected = validation.check(events, viewer=viewer, now=now)
    if taken:
        stream.append(stream.shard_of(viewer), [packing.pack(event) for event in taken])
    return Receipt(len(taken), rejected)
