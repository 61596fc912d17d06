"""Events: filling streams, draining them, and the floor of draining."""

import time
from contextlib import ExitStack
from typing import Any, Final

from django.db import connection

from analytics import event_format, stream
from analytics.models import Checkpoint, Count, DeadLetter
from analytics.services import counter, counts, reader
from analytics.types import EVENT_KINDS, Event
from bench import names
from bench.remote import bulk
from core.redis.client import state_redis

VIEWERS: Final = 500
_APPEND_EVENTS: Final = 500  # events of one append


def reset() -> None:
    """No event was ever sent."""
    for pattern in ("events:*", "dedup:*", "bench:floor"):
        names = list(state_redis().scan_iter(pattern, count=1_000))
        if names:
            state_redis().unlink(*names)
    for model in (Checkpoint, Count, DeadLetter):
        model.objects.all().delete()


def append_events(events: int, items: int, first: int = 0, skewed: bool = False) -> float:
    """Append so many different events, as the endpoint would; seconds. Numbers from `first` on tell them apart.

    They are spread evenly over the items, or `skewed`: the n-th item has 1/n of the first one's (Zipf's law, as views
    of films and clips have it).
    """
    begun, now = time.monotonic(), int(time.time())
    waiting: dict[int, list[bytes]] = {}
    for number in range(first, first + events):
        viewer = names.uid(f"watcher-{number % VIEWERS}-")
        even = number * 7_919 % items
        place = int(items ** ((even + 0.5) / items)) if skewed else 1 + even
        item, kind = names.item_id(place), EVENT_KINDS[number % len(EVENT_KINDS)]
        dedup_key = event_format.make_dedup_key("id", viewer, f"bench-{number}")
        payload = event_format.pack(Event("", viewer, item, kind, now - number % 3_600, 12, dedup_key))
        mine = waiting.setdefault(stream.get_shard(viewer), [])
        mine.append(payload)
        if len(mine) == _APPEND_EVENTS:
            stream.append(stream.get_shard(viewer), mine)
            mine.clear()
    for shard, rest in waiting.items():
        if rest:
            stream.append(shard, rest)
    return time.monotonic() - begun


def drain_all() -> dict[str, float]:
    """Count what waits in all shards, by the service that the task calls: seconds, events, and what they cost."""
    statements = 0

    def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    before, begun = _count_commands(), time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(counted))
        for shard in reader.get_shards_with_backlog("counts"):
            while counter.count_batch(shard, now=time.time()):
                pass
    seconds = time.monotonic() - begun
    events = sum(Checkpoint.objects.filter(reader="counts").values_list("events", flat=True))
    return {"seconds": seconds, "events": events, "sql": statements, "commands": _count_commands() - before}


def drain_floor() -> float:
    """Seconds to XRANGE all streams in batches of the same size and to insert each batch as it came: the floor."""
    key = "bigserial" if connection.vendor == "postgresql" else "integer"
    bulk.execute(
        "DROP TABLE IF EXISTS bench_events",
        f"CREATE TABLE bench_events (pk {key} PRIMARY KEY, id text, payload text)",
    )
    begun, client = time.monotonic(), state_redis()
    for shard in stream.get_lengths():
        last = stream.STREAM_START
        while entries := _entries(client, shard, last):
            last = entries[-1][0].decode()
            rows = (
                (place.decode(), fields[event_format.FORMAT_VERSION].decode()) for place, fields in entries
            )
            bulk.insert_rows("bench_events", ("id", "payload"), rows)
    return time.monotonic() - begun


def get_count(item: str) -> int:
    """Events of an item that are counted so far."""
    found = counts.get_totals([item])
    return sum(found[item].events.values()) if item in found else 0


def measure_backlog() -> dict[str, int]:
    """Bytes that the streams take in Redis, and how many events they hold."""
    total = events = 0
    for shard, length in stream.get_lengths().items():
        total += int(state_redis().memory_usage(f"events:{{{shard}}}", samples=0) or 0)
        events += length
    return {"bytes": total, "events": events}


def _entries(client: Any, shard: int, last: str) -> list[Any]:
    found: list[Any] = client.xrange(f"events:{{{shard}}}", min=f"({last}", count=reader.BATCH_SIZE)
    return found


def _count_commands() -> int:
    stats: Any = state_redis().info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name != "cmdstat_info")
