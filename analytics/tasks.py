"""Celery's shells over analytics' services. Beat begins; a drain goes on by itself while events wait.

What is lost with a worker or the broker is only a message: beat's next one, two seconds later, begins where the
checkpoint is.
"""

import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from analytics.services import drain as draining
from analytics.services import letters, reading, retention
from analytics.types import COUNTS
from core.observability.tasks import QUIET


@shared_task(name="analytics.tasks.drain", soft_time_limit=10, time_limit=15, expires=2, **QUIET)
def drain(**_: Any) -> int:
    """Beat: one task for each shard in which something waits."""
    shards = reading.waiting(COUNTS)
    for shard in shards:
        drain_shard.delay(shard)
    return len(shards)


@shared_task(name="analytics.tasks.drain_shard", soft_time_limit=60, time_limit=70, expires=10, **QUIET)
def drain_shard(shard: int, **_: Any) -> None:
    """Count what waits in a shard, some seconds at a time."""
    if reading.go_on(lambda: draining.batch(shard, now=time.time())):
        drain_shard.delay(shard)


@shared_task(name="analytics.tasks.retry_letters", soft_time_limit=50, time_limit=55, expires=60, **QUIET)
def retry_letters(**_: Any) -> int:
    """Beat: count events whose item came after them."""
    return letters.retry(now=timezone.now()).counted


@shared_task(name="analytics.tasks.tidy", soft_time_limit=500, time_limit=540, expires=1_800)
def tidy(**_: Any) -> None:
    """Beat: hours become days, and what is old goes."""
    now = timezone.now()
    retention.roll_up(now=int(now.timestamp()))
    retention.expire(now=int(now.timestamp()))
    letters.expire(now=now)
