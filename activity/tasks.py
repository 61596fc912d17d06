"""Celery tasks. They read the clock, call one service and queue the next message.

Each task takes ids, is idempotent, and continues where an earlier run stopped. The tasks above `sweep_jobs` have the
names of the job kinds: `activity.dispatch` sends them by kind.
"""

import time
from typing import Any

from celery import shared_task

from activity import dispatch
from activity.services import delivery, flushing, follows, history_reader, reach, rebuilds, sweep
from activity.types import Job, StoreUnavailable
from analytics.services import reader
from analytics.types import HISTORY_READER
from core.broker.queues import try_to_queue
from core.observability.tasks import QUIET
from core.outages import REDIS_UNAVAILABLE

# The time limit is below backfill.SECOND_PURGE_DELAY_SECONDS and delivery.RECHECK_DELAY_SECONDS: when a second purge
# or a recheck begins, no batch that started before it is still running.
JOB_TASK_OPTIONS: dict[str, Any] = {
    "soft_time_limit": 20,
    "time_limit": 24,
    "autoretry_for": (StoreUnavailable, RuntimeError, *REDIS_UNAVAILABLE),
    "max_retries": 3,
    "retry_backoff": 1,
    "retry_backoff_max": 5,
    "retry_jitter": True,
}
FLUSH_SECONDS = 45.0


@shared_task(name="activity.tasks.deliver", **JOB_TASK_OPTIONS)
def deliver(uid: str, title: str, version: int, **_: Any) -> None:
    """Deliver an activity for a slice of time; queue the rest, so that other deliveries get their turn."""
    if delivery.deliver_slice(uid, title, version, now=time.time()):
        dispatch.queue_job("deliver", uid, title, version)


@shared_task(name="activity.tasks.recheck", **JOB_TASK_OPTIONS)
def recheck(uid: str, title: str, version: int, cursor: str = "", **_: Any) -> None:
    """Recheck one batch of an activity's followers."""
    next_cursor = delivery.recheck_batch(uid, title, version, cursor=cursor, now=time.time())
    if next_cursor is not None:
        dispatch.queue_job("recheck", uid, title, version, cursor=next_cursor)


@shared_task(name="activity.tasks.backfill", **JOB_TASK_OPTIONS)
def backfill(viewer: str, author: str, version: int = 0, **_: Any) -> None:
    """Write a followee's newest activities to the timeline of a new follower."""
    follows.run_edge_job(Job("backfill", viewer, author, version), is_second_run=False, now=time.time())


@shared_task(name="activity.tasks.purge", **JOB_TASK_OPTIONS)
def purge(viewer: str, author: str, version: int = 0, is_second_run: bool = False, **_: Any) -> None:
    """Remove an author's rows from a viewer's timeline after an unfollow or a block."""
    follows.run_edge_job(Job("purge", viewer, author, version), is_second_run=is_second_run, now=time.time())


@shared_task(name="activity.tasks.rebuild", **{**JOB_TASK_OPTIONS, "soft_time_limit": 100, "time_limit": 110})
def rebuild(uid: str, *_args: Any, **_: Any) -> None:
    """Rebuild the timeline of a viewer who returned."""
    rebuilds.rebuild_timeline(uid, now=time.time())


@shared_task(name="activity.tasks.change_reach", **JOB_TASK_OPTIONS)
def change_reach(uid: str, direction: str = "", _version: int = 0, cursor: str = "", **_: Any) -> None:
    """Change the delivery of an account for one batch of its followers."""
    following = reach.change_reach_batch(uid, direction=direction, cursor=cursor, now=time.time())
    if following is not None:
        dispatch.queue_job("change_reach", uid, following[0], cursor=following[1])


@shared_task(name="activity.tasks.sweep_jobs", soft_time_limit=20, time_limit=30, expires=10, **QUIET)
def sweep_jobs(**_: Any) -> int:
    """Queue due jobs again. Beat runs this."""
    return sweep.sweep_jobs(now=time.time())


@shared_task(name="activity.tasks.read_events", soft_time_limit=10, time_limit=20, expires=10, **QUIET)
def read_events(**_: Any) -> None:
    """Queue one task for each shard that has events which this reader has not read. Beat runs this."""
    for shard in reader.get_shards_with_backlog(HISTORY_READER):
        try_to_queue(read_shard_history, shard)


@shared_task(name="activity.tasks.read_shard_history", soft_time_limit=60, time_limit=90, expires=10, **QUIET)
def read_shard_history(shard: int, **_: Any) -> None:
    """Read a shard's events batch by batch for a slice of time; queue the rest.

    If the message or the worker is lost, the next run continues from the checkpoint.
    """
    has_more = reader.run_for(
        lambda: history_reader.read_batch(shard, now=time.time()), seconds=reader.TASK_SLICE_SECONDS
    )
    if has_more:
        try_to_queue(read_shard_history, shard)


@shared_task(name="activity.tasks.flush_histories", soft_time_limit=90, time_limit=100, expires=60, **QUIET)
def flush_histories(**_: Any) -> int:
    """Write the pending history that is due to the activity store. Beat runs this."""
    return flushing.flush(now=time.time(), until=time.monotonic() + FLUSH_SECONDS)
