"""Helpers for tests: send events as a phone does, and count them."""

import time
from datetime import UTC, datetime
from typing import Any

from analytics import keys, stream, validation
from analytics.event_format import FORMAT_VERSION, pack
from analytics.models import Count
from analytics.services import counter, reader
from analytics.types import COUNTS_READER
from core.redis.client import state_redis
from finishd.testing.api import get_client

PATH = "/api/v1/analytics/event"
Json = dict[str, Any]


def make_body(item: str = "heat", kind: str = "view", *, at: float | None = None, **more: Any) -> Json:
    """Return an event as the app sends it. `at` is epoch seconds, by default the current time."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    timestamp = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return {"eventType": kind, "itemId": item, "timestamp": timestamp, **more}


def post_events(uid: str, *events: Any) -> Any:
    """Send events in one request, and return the response."""
    return get_client(uid).post(PATH, {"events": list(events)})


def send_events(uid: str, *events: Any) -> Json:
    """Send events in one request, assert that the response is 200, and return its body."""
    response = post_events(uid, *events)
    assert response.status_code == 200, response.content
    body: Json = response.json()
    return body


def append_events_at(uid: str, *bodies: Json, at: float) -> None:
    """Append events to the viewer's stream as if they had arrived at `at`, which determines the hour of their votes.

    Unlike `send_events`, this does not depend on the wall clock.
    """
    events, rejected = validation.validate_events(bodies, viewer=uid, now=at)
    assert rejected == []
    shard = stream.get_shard(uid)
    client: Any = state_redis()
    for event in events:
        entry = {FORMAT_VERSION: pack(event)}
        entry_id = client.xadd(keys.EVENTS.name(shard=shard), entry, id=f"{int(at * 1_000)}-*")
        client.set(keys.EVENTS_STREAM_ID.name(shard=shard), entry_id, nx=True)


def count_all(*, now: float | None = None) -> None:
    """Count all events, as beat and the workers do. `now` is epoch seconds, by default the current time."""
    for shard in reader.get_shards_with_backlog(COUNTS_READER):
        while counter.count_batch(shard, now=time.time() if now is None else now):
            pass


def get_counts(period: str = "hour") -> dict[tuple[str, str], tuple[int, int, int]]:
    """Return (item, kind) → (events, votes, seconds watched), summed over all periods of this length."""
    sums: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in Count.objects.filter(period=period):
        events, votes, seconds = sums.get((row.item, row.kind), (0, 0, 0))
        sums[row.item, row.kind] = (
            events + row.events,
            votes + row.votes,
            seconds + row.watched_seconds,
        )
    return sums


def get_event_counts() -> dict[tuple[str, str], int]:
    """Return (item, kind) → events, summed over all hours."""
    return {key: events for key, (events, _, _) in get_counts().items()}


def get_stream_length() -> int:
    """Return the number of entries in all streams."""
    return sum(stream.get_lengths().values())
