"""Events for tests: as a phone sends them, and through the drain."""

import time
from datetime import UTC, datetime
from typing import Any

from analytics import stream
from analytics.models import Count
from analytics.services import counter, reader
from finishd.testing.api import get_client

PATH = "/api/v1/analytics/event"
Json = dict[str, Any]


def event(item: str = "heat", kind: str = "view", *, at: float | None = None, **more: Any) -> Json:
    """One as the app writes it; without `at` it was just now."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    stamp = moment.replace(tzinfo=None).isoformat(timespec="milliseconds")
    return {"eventType": kind, "itemId": item, "timestamp": stamp, **more}


def send(uid: str, *events: Any) -> Any:
    return get_client(uid).post(PATH, {"events": list(events)})


def taken(uid: str, *events: Any) -> Json:
    """The answer; asserts that the batch was taken."""
    answer = send(uid, *events)
    assert answer.status_code == 200, answer.content
    body: Json = answer.json()
    return body


def drain_all() -> None:
    """What beat and the workers would do until nothing waits."""
    for shard in reader.get_shards_with_backlog("counts"):
        while counter.count_batch(shard, now=time.time()):
            pass


def counts(period: str = "hour") -> dict[tuple[str, str], tuple[int, int, int]]:
    """(item, kind) → (events, votes, seconds), over all spans of this length."""
    found: dict[tuple[str, str], tuple[int, int, int]] = {}
    for row in Count.objects.filter(period=period):
        before = found.get((row.item, row.kind), (0, 0, 0))
        found[row.item, row.kind] = (
            before[0] + row.events,
            before[1] + row.votes,
            before[2] + row.watched_seconds,
        )
    return found


def waiting() -> int:
    """Events in all streams."""
    return sum(stream.get_lengths().values())
