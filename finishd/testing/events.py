"""Helpers for tests: append events to their streams as the API does, and read them as workers do."""

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
    """Return a new event with a dedup key of its own, without an id. `watched` is seconds."""
    return Event("", viewer, item, kind, at, watched, event_format.make_dedup_key("test", next(_numbers)))


def append_events(events: Sequence[Event], *, shard: int = 0) -> None:
    """Append events to a shard's stream. No reader has read them yet."""
    stream.append(shard, [event_format.pack(event) for event in events])


def append_and_read_events(*events: Event, shard: int = 0) -> None:
    """Append events, and let both readers read the shard's backlog."""
    append_events(events, shard=shard)
    read_events(shard)


def read_events(shard: int = 0) -> None:
    """Let both readers read the shard's backlog."""
    tasks.read_shard_history.apply(args=(shard,), throw=True)
    count_shard.apply(args=(shard,), throw=True)
