"""A Redis that events have filled. Its workers read the events, which frees memory; nothing is restarted."""

import time
from pathlib import Path
from typing import Final

import pytest
from django.db.models import Sum
from redis import Redis
from redis.exceptions import OutOfMemoryError

from analytics import stream
from analytics.models import Checkpoint
from analytics.services import counts
from content.tests.factories import ItemFactory
from core.tests.redis_faults import configured, connect
from finishd.run.embedded_redis import RedisServer
from finishd.run.programs import WORKERS
from finishd.testing.events import append_events, make_event
from finishd.testing.processes import processes

pytestmark = [pytest.mark.django_db(transaction=True, serialized_rollback=True), pytest.mark.slow]

SHARDS: Final = 4
VIEWERS: Final = 300
ITEMS: Final = 50
EVENTS: Final = 2 * VIEWERS * ITEMS
# The dedup keys of a server that has run for two days take their part of the memory already, so new keys replace them.
MARKS_MB: Final = "1"


def test_a_redis_that_is_full_of_events_recovers_without_a_restart(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    items = [ItemFactory.create(id=f"film-{number}").id for number in range(ITEMS)]
    server = connect(redis_server.url)
    append_all(items, now=int(time.time()))
    with (
        configured(server, maxmemory=server.info("memory")["used_memory"] - 1_000),
        processes(tmp_path) as started,
    ):
        assert is_full(server)
        queues, _ = WORKERS["events"]
        worker = started.start(
            *("-m", "celery", "-A", "finishd", "worker", "--loglevel", "info"),
            *("--queues", ",".join(queues), "--concurrency", "1"),
            ANALYTICS_MARKS_MB=MARKS_MB,
        )
        beat = started.beat()
        started.wait_for(lambda: not stream.get_lengths(), seconds=120)
        started.wait_for(lambda: not is_full(server))
        assert worker.poll() is None
        assert beat.poll() is None
    read = Checkpoint.objects.values("reader").annotate(events=Sum("events")).values_list("reader", "events")
    assert dict(read) == {"counts": EVENTS, "history": EVENTS}
    assert sum(total.get_count("view") for total in counts.get_totals(items).values()) == EVENTS
    server.close()


def append_all(items: list[str], *, now: int) -> None:
    for viewer in range(VIEWERS):
        events = [
            make_event(f"viewer-{viewer}", item, at=now - repeat) for repeat in (0, 1) for item in items
        ]
        append_events(events, shard=viewer % SHARDS)


def is_full(server: Redis) -> bool:
    try:
        server.set("probe", 1, px=1)
    except OutOfMemoryError:
        return True
    return False
