"""Celery's shells over activity's services. Each takes ids, may run twice, and goes on where it stopped.

The names are those of the jobs in the store: `activity.dispatch` sends them by kind.
"""

import logging
import time
from typing import Any

from celery import shared_task

from activity import dispatch
from activity.services import edges, fanout, reach, rebuilds
from activity.store import store
from activity.types import Job, StoreUnavailable
from finishd.lib.redis import UNAVAILABLE

logger = logging.getLogger(__name__)

_BOUNDS: dict[str, Any] = {
    "soft_time_limit": 20,  # below edges.SECOND_PURGE_AFTER: a chunk is over before the second purge
    "time_limit": 24,
    "autoretry_for": (StoreUnavailable, RuntimeError, *UNAVAILABLE),
    "max_retries": 3,
    "retry_backoff": 1,
    "retry_backoff_max": 5,
    "retry_jitter": True,
}
SWEPT = 200  # jobs a sweep queues again
SWEPT_DUE_AFTER = 30.0


@shared_task(name="activity.tasks.deliver", **_BOUNDS)
def deliver(uid: str, title: str, version: int, cursor: str = "", **_: Any) -> None:
    """One chunk of an activity's followers; the next one is the next message."""
    following = fanout.chunk(uid, title, version, cursor=cursor, now=time.time())
    if following is not None:
        deliver.delay(uid, title, version, cursor=following)


@shared_task(name="activity.tasks.backfill", **_BOUNDS)
def backfill(viewer: str, actor: str, version: int = 0, **_: Any) -> None:
    """A follow began: its newest deeds go on the viewer's timeline."""
    _sync(Job("backfill", viewer, actor, version))


@shared_task(name="activity.tasks.purge", **_BOUNDS)
def purge(viewer: str, actor: str, version: int = 0, again: bool = False, **_: Any) -> None:
    """A follow ended: all that it brought leaves the viewer's timeline."""
    _sync(Job("purge", viewer, actor, version), again=again)


@shared_task(
    name="activity.tasks.rebuild", bind=True, **{**_BOUNDS, "soft_time_limit": 100, "time_limit": 110}
)
def rebuild(self: Any, uid: str, *_args: Any, **_: Any) -> None:
    """Somebody returned."""
    rebuilds.rebuild(uid)


@shared_task(name="activity.tasks.cross", **{**_BOUNDS, "soft_time_limit": 60, "time_limit": 70})
def cross(uid: str, _target: str = "", _version: int = 0, cursor: str = "", **_: Any) -> None:
    """One chunk of an account's way over the limit of followers, or back."""
    following = reach.cross(uid, cursor=cursor, now=time.time())
    if following is not None:
        cross.delay(uid, cursor=following)


@shared_task(name="activity.tasks.sweep", soft_time_limit=20, time_limit=30, expires=10)
def sweep(**_: Any) -> int:
    """Beat: queue again what is due and not done, because a worker, the broker or a message got lost."""
    now = time.time()
    jobs = store().jobs_due(now=now, limit=SWEPT)
    for job in jobs:
        store().postpone(job, due=now + SWEPT_DUE_AFTER)
        _requeue(job)
    return len(jobs)


def _requeue(job: Job) -> None:
    if job.kind == "deliver":
        activity = store().activity(job.subject, job.target)
        cursor = activity.ledger.cursor if activity else ""
        deliver.delay(job.subject, job.target, job.version, cursor=cursor)
    elif job.kind == "purge":
        purge.delay(job.subject, job.target, job.version, again=True)
    else:
        dispatch.send(job.kind, job.subject, job.target, job.version)


def _sync(job: Job, *, again: bool = False) -> None:
    linked = edges.sync(job.subject, job.target)
    edges.finish(job, linked=linked, now=time.time(), again=again)
