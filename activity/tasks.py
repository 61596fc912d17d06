"""Celery's shells over activity's services. Each takes ids, may run twice, and goes on where it stopped.

The names up to `sweep` are those of the jobs in the store: `activity.dispatch` sends them by kind.
"""

import time
from typing import Any

from celery import shared_task

from activity import dispatch
from activity.services import delivery, flushing, follows, history_reader, reach, rebuilds
from activity.store import get_store
from activity.types import Job, StoreUnavailable
from analytics.services import reading
from analytics.types import PEOPLE
from core.redis.client import REDIS_UNAVAILABLE

_BOUNDS: dict[str, Any] = {
    "soft_time_limit": 20,
    "time_limit": 24,  # below edges.SECOND_PURGE_AFTER and delivery.RECHECK_DELAY_SECONDS: a chunk is over before them
    "autoretry_for": (StoreUnavailable, RuntimeError, *REDIS_UNAVAILABLE),
    "max_retries": 3,
    "retry_backoff": 1,
    "retry_backoff_max": 5,
    "retry_jitter": True,
}
GO_ON_SECONDS = 0.25  # of one delivery, before others have their turn
SWEPT = 200  # jobs that are queued again at once
SWEEP_SECONDS = 4.0  # a sweep goes on as long, while there are more
SWEPT_DUE_AFTER = 30.0
FLUSH_SECONDS = 45.0
BACKLOG = 1_000  # messages before which a sweep adds none: what waits is not lost


@shared_task(name="activity.tasks.deliver", **_BOUNDS)
def deliver(uid: str, title: str, version: int, **_: Any) -> None:
    """Chunks of an activity's followers, for a moment; what is left then is the next message."""
    until = time.monotonic() + GO_ON_SECONDS
    while delivery.deliver_batch(uid, title, version, now=time.time()):
        if time.monotonic() >= until:
            deliver.delay(uid, title, version)
            break


@shared_task(name="activity.tasks.settle", **_BOUNDS)
def settle(uid: str, title: str, version: int, cursor: str = "", **_: Any) -> None:
    """One chunk of the second pass over an activity's followers."""
    following = delivery.recheck_batch(uid, title, version, cursor=cursor, now=time.time())
    if following is not None:
        settle.delay(uid, title, version, cursor=following)


@shared_task(name="activity.tasks.backfill", **_BOUNDS)
def backfill(viewer: str, actor: str, version: int = 0, **_: Any) -> None:
    """A follow began: its newest deeds go on the viewer's timeline."""
    follows.run_edge_job(Job("backfill", viewer, actor, version), again=False, now=time.time())


@shared_task(name="activity.tasks.purge", **_BOUNDS)
def purge(viewer: str, actor: str, version: int = 0, again: bool = False, **_: Any) -> None:
    """A follow ended: all that it brought leaves the viewer's timeline."""
    follows.run_edge_job(Job("purge", viewer, actor, version), again=again, now=time.time())


@shared_task(name="activity.tasks.rebuild", **{**_BOUNDS, "soft_time_limit": 100, "time_limit": 110})
def rebuild(uid: str, *_args: Any, **_: Any) -> None:
    """Somebody returned."""
    rebuilds.rebuild_timeline(uid)


@shared_task(name="activity.tasks.cross", **_BOUNDS)
def cross(uid: str, direction: str = "", _version: int = 0, cursor: str = "", **_: Any) -> None:
    """One chunk of an account's way over the limit of followers, or back."""
    following = reach.change_reach_batch(uid, direction=direction, cursor=cursor, now=time.time())
    if following is not None:
        cross.delay(uid, following[0], cursor=following[1])


@shared_task(name="activity.tasks.sweep", soft_time_limit=20, time_limit=30, expires=10)
def sweep(**_: Any) -> int:
    """Beat: queue again what is due and not done, because a worker, the broker or a message got lost."""
    began = time.monotonic()
    queued = 0
    while dispatch.get_backlog() < BACKLOG:
        now = time.time()
        jobs = get_store().jobs_due(now=now, limit=SWEPT)
        for job in jobs:
            get_store().postpone(job, due=now + SWEPT_DUE_AFTER)
            requeue(job)
        queued += len(jobs)
        if len(jobs) < SWEPT or time.monotonic() > began + SWEEP_SECONDS:
            break
    return queued


def requeue(job: Job) -> None:
    """Queue a job's task again, for the sweep and for staff."""
    if job.kind == "purge":
        purge.delay(job.subject, job.target, job.version, again=True)
    else:
        dispatch.queue_job(job.kind, job.subject, job.target, job.version)


@shared_task(name="activity.tasks.read_events", soft_time_limit=10, time_limit=20, expires=2)
def read_events(**_: Any) -> None:
    """Beat: have the shards read in which events wait for this reader."""
    for shard in reading.waiting(PEOPLE):
        read_shard.delay(shard)


@shared_task(name="activity.tasks.read_shard", soft_time_limit=60, time_limit=90, expires=10)
def read_shard(shard: int, **_: Any) -> None:
    """A shard's events, batch by batch. Lost or killed, it begins again where it last committed, by beat."""
    if reading.go_on(lambda: history_reader.read_batch(shard, now=time.time())):
        read_shard.delay(shard)


@shared_task(name="activity.tasks.flush_histories", soft_time_limit=90, time_limit=100, expires=60)
def flush_histories(**_: Any) -> int:
    """Beat: bring the activity store what was seen and learned and is due."""
    return flushing.flush(now=time.time(), until=time.monotonic() + FLUSH_SECONDS)
