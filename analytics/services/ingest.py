"""Accept events from phones: validate them and append them to a stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analytics import acknowledged, event_format, stream, validation
from analytics.validation import Rejected


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The number of events of a request that were appended, and the rejected ones."""

    accepted: int
    rejected: list[Rejected]


def accept(viewer: str, events: Sequence[Any], *, now: float) -> IngestResult:
    """Append the valid events of one viewer's request to the viewer's stream, all or none; `now` is epoch seconds.

    Cost: 1 round trip for any number of events, none without valid events. No SQL, no store call.
    Raises `analytics.stream.StreamFull` and Redis errors; nothing was appended then.
    """
    accepted, rejected = validation.validate_events(events, viewer=viewer, now=now)
    if accepted:
        shard = stream.get_shard(viewer)
        last_id, server = stream.append(shard, [event_format.pack(event) for event in accepted])
        acknowledged.remember(shard, last_id, len(accepted), server)
    return IngestResult(len(accepted), rejected)
