"""Celery's shells over activity's services. Each takes ids, may run twice, and goes on where it stopped.

The names are those of the jobs in the store: `activity.dispatch` sends them by kind.
"""

import time
from typing import Any

from celery import shared_task

from activity import dispatch
from activity.services import fanout, follows, reach, rebuilds
from activity.store import store
from activity.types import Job, StoreUnavailable
from finishd.lib.redis import UNAVAILABLE

_BOUNDS: dict[str, Any] = {
    "soft_time_limit": 20,
    "time_limit": 24,  # below edges.SECOND_PURGE_AFTER and fanout.OVER_AFTER: a chunk is over before them
    "autoretry_for": (StoreUnavailable, RuntimeError, *UNAVAILABLE),
    "max_retries": 3,
    "retry_backoff": 1,
    "retry_backoff_max": 5,
    "retry_jitter": True,
}
SWEPT = 200  # jobs that are queued again at once
SWEEP_SECONDS = 4.0  # a sweep goes on as long, while there are more
SWEPT_DUE_AFTER = 30.0
BACKLOG = 1_000  # messages before which a sweep adds none: what waits is not lost


@shared_task(name="activity.tasks.deliver", **_BOUNDS)
def deliver(uid: str, title: str, version: int, **_: Any) -> None:
    """One chunk of an activity's followers; the next one is the next message."""
    if fanout.chunk(uid, title, version, now=time.time()):
        deliver.delay(uid, title, version)


@shared_task(name="activity.tasks.settle", **_BOUNDS)
def settle(uid: str, title: str, version: int, cursor: str = "", **_: Any) -> None:
    """One chunk of the second pass over an activity's followers."""
    following = fanout.second_pass(uid, title, version, cursor=cursor, now=time.time())
    if following is not None:
        settle.delay(uid, title, version, cursor=following)


@shared_task(name="activity.tasks.backfill", **_BOUNDS)
def backfill(viewer: str, actor: str, version: int = 0, **_: Any) -> None:
    """A follow began: its newest deeds go on the viewer's timeline."""
    follows.carry_out(Job("backfill", viewer, actor, version), again=False, now=time.time())


@shared_task(name="activity.tasks.purge", **_BOUNDS)
def purge(viewer: str, actor: str, version: int = 0, again: bool = False, **_: Any) -> None:
    """A follow ended: all that it brought leaves the viewer's timeline."""
    follows.carry_out(Job("purge", viewer, actor, version), again=again, now=time.time())


@shared_task(name="activity.tasks.rebuild", **{**_BOUNDS, "soft_time_limit": 100, "time_limit": 110})
def rebuild(uid: str, *_args: Any, **_: Any) -> None:
    """Somebody returned."""
    rebuilds.rebuild(uid)


@shared_task(name="activity.tasks.cross", **_BOUNDS)
def cross(uid: str, direction: str = "", _version: int = 0, cursor: str = "", **_: Any) -> None:
    """One chunk of an account's way over the limit of followers, or back."""
    following = reach.cross(uid, direction=direction, cursor=cursor, now=time.time())
    if following is not None:
        cross.delay(uid, following[0], cursor=following[1])


@shared_task(name="activity.tasks.sweep", soft_time_limit=20, time_limit=30, expires=10)
def sweep(**_: Any) -> int:
    """Beat: queue again what is due and not done, because a worker, the broker or a message got lost."""
    began = time.monotonic()
    queued = 0
    while dispatch.backlog() < BACKLOG:
        now = time.time()
        jobs = store().jobs_due(now=now, limit=SWEPT)
        for job in jobs:
            store().postpone(job, due=now + SWEPT_DUE_AFTER)
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
        dispatch.send(job.kind, job.subject, job.target, job.version)
