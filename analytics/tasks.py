"""Celery tasks; the logic is in `services`.

Beat starts a reader every two seconds, and the reader continues while there is a backlog. A message that is lost with
a worker or the broker delays the events only until the next run, which starts at the checkpoint.
"""

import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from analytics.services import counter, dead_letters, reader, retention
from analytics.types import COUNTS_READER
from core.broker.queues import try_to_queue
from core.observability.tasks import QUIET


@shared_task(name="analytics.tasks.count_events", soft_time_limit=10, time_limit=15, expires=10, **QUIET)
def count_events(**_: Any) -> int:
    """Queue a `count_shard` task for each shard with a backlog, and return their number."""
    shards = reader.get_shards_with_backlog(COUNTS_READER)
    for shard in shards:
        try_to_queue(count_shard, shard)
    return len(shards)


@shared_task(name="analytics.tasks.count_shard", soft_time_limit=60, time_limit=70, expires=10, **QUIET)
def count_shard(shard: int, **_: Any) -> None:
    """Count a shard's backlog for a few seconds, and queue the rest."""
    has_more = reader.run_for(
        lambda: counter.count_batch(shard, now=time.time()), seconds=reader.TASK_SLICE_SECONDS
    )
    if has_more:
        try_to_queue(count_shard, shard)


@shared_task(
    name="analytics.tasks.retry_dead_letters", soft_time_limit=50, time_limit=55, expires=60, **QUIET
)
def retry_dead_letters(**_: Any) -> int:
    """Count the dead letters whose item has arrived in the meantime, and return their number."""
    return dead_letters.retry(now=timezone.now()).counted


@shared_task(name="analytics.tasks.apply_retention", soft_time_limit=500, time_limit=540, expires=1_800)
def apply_retention(**_: Any) -> None:
    """Roll hourly counts up to days, and delete old counts and dead letters."""
    now = timezone.now()
    retention.roll_up(now=int(now.timestamp()))
    retention.expire(now=int(now.timestamp()))
    dead_letters.expire(now=now)
