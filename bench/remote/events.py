"""Events: filling the streams, draining them, and the floor of draining."""

import time
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
_EVENTS_PER_APPEND: Final = 500


def reset() -> None:
    """Delete all events, counts, dead letters, dedup keys and checkpoints."""
    for pattern in ("events:*", "dedup:*", "bench:floor"):
        keys = list(state_redis().scan_iter(pattern, count=1_000))
        if keys:
            state_redis().unlink(*keys)
    for model in (Checkpoint, Count, DeadLetter):
        model.objects.all().delete()


def append_events(events: int, items: int, first: int = 0, skewed: bool = False) -> float:
    """Append different events to the streams as the endpoint does. Return the seconds.

    Events with the same number are equal; the numbers start at `first`. They are spread evenly over the items, or with
    `skewed` by Zipf's law, which views of films follow: the n-th item has 1/n of the events of the first one.
    """
    start, now = time.monotonic(), int(time.time())
    unsent: dict[int, list[bytes]] = {}
    for number in range(first, first + events):
        viewer = names.uid(f"watcher-{number % VIEWERS}-")
        index = number * 7_919 % items
        item_number = int(items ** ((index + 0.5) / items)) if skewed else 1 + index
        item, kind = names.item_id(item_number), EVENT_KINDS[number % len(EVENT_KINDS)]
        dedup_key = event_format.make_dedup_key("id", viewer, f"bench-{number}")
        payload = event_format.pack(Event("", viewer, item, kind, now - number % 3_600, 12, dedup_key))
        batch = unsent.setdefault(stream.get_shard(viewer), [])
        batch.append(payload)
        if len(batch) == _EVENTS_PER_APPEND:
            stream.append(stream.get_shard(viewer), batch)
            batch.clear()
    for shard, batch in unsent.items():
        if batch:
            stream.append(shard, batch)
    return time.monotonic() - start


def drain_all() -> dict[str, float]:
    """Count the events of all shards with the service that the task calls.

    Return the seconds, and the numbers of events, SQL statements and Redis commands.
    """
    statements = 0

    def count_statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    commands, start = _count_commands(), time.monotonic()
    with connection.execute_wrapper(count_statement):
        for shard in reader.get_shards_with_backlog("counts"):
            while counter.count_batch(shard, now=time.time()):
                pass
    seconds = time.monotonic() - start
    events = sum(Checkpoint.objects.filter(reader="counts").values_list("events", flat=True))
    return {"seconds": seconds, "events": events, "sql": statements, "commands": _count_commands() - commands}


def drain_floor() -> float:
    """Read all streams in batches of the same size and insert the unparsed entries. Return the seconds."""
    primary_key = "bigserial" if connection.vendor == "postgresql" else "integer"
    bulk.execute(
        "DROP TABLE IF EXISTS bench_events",
        f"CREATE TABLE bench_events (pk {primary_key} PRIMARY KEY, id text, payload text)",
    )
    start, client = time.monotonic(), state_redis()
    for shard in stream.get_lengths():
        last = stream.STREAM_START
        while entries := _read_entries(client, shard, last):
            last = entries[-1][0].decode()
            rows = (
                (entry_id.decode(), fields[event_format.FORMAT_VERSION].decode())
                for entry_id, fields in entries
            )
            bulk.insert_rows("bench_events", ("id", "payload"), rows)
    return time.monotonic() - start


def get_count(item: str) -> int:
    """Return the number of counted events of an item."""
    found = counts.get_totals([item])
    return sum(found[item].events.values()) if item in found else 0


def measure_backlog() -> dict[str, int]:
    """Return the bytes that the streams use in Redis, and the number of their events."""
    total = events = 0
    for shard, length in stream.get_lengths().items():
        total += int(state_redis().memory_usage(f"events:{{{shard}}}", samples=0) or 0)
        events += length
    return {"bytes": total, "events": events}


def _read_entries(client: Any, shard: int, last: str) -> list[Any]:
    found: list[Any] = client.xrange(f"events:{{{shard}}}", min=f"({last}", count=reader.BATCH_SIZE)
    return found


def _count_commands() -> int:
    stats: Any = state_redis().info("commandstats")
    return sum(entry["calls"] for name, entry in stats.items() if name != "cmdstat_info")
