"""Events of phones, put on their streams as an upload would, and read as workers would."""

from collections.abc import Iterator, Sequence
from itertools import count

from activity import tasks
from analytics import event_format, stream
from analytics.tasks import count_shard
from analytics.types import Event, EventKind

_numbers: Iterator[int] = count()


def make_event(
    viewer: str, item: str, kind: EventKind = "view", *, at: int, watched: int | None = 5
) -> Event:
    """Something that nobody did before; its id is the stream's to give."""
    return Event("", viewer, item, kind, at, watched, event_format.make_dedup_key("test", next(_numbers)))


def append_events(events: Sequence[Event], *, shard: int = 0) -> None:
    """They are acknowledged, and nobody has read them."""
    stream.append(shard, [event_format.pack(event) for event in events])


def append_and_read_events(*events: Event, shard: int = 0) -> None:
    """They arrive, and both readers read all that waits."""
    append_events(events, shard=shard)
    tasks.read_shard_history.apply(args=(shard,), throw=True)
    count_shard.apply(args=(shard,), throw=True)
