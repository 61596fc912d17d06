"""Sweep of unfinished jobs.

A job stays in the store until it is done. If its message, its worker or the broker is lost, the job becomes due
again, and the sweep queues its task once more.
"""

import time
from typing import Final

from activity import dispatch
from activity.store import get_store
from activity.types import Job

JOBS_PER_BATCH: Final = 200
SWEEP_SECONDS: Final = 4.0  # a sweep starts no further batch after this time
SWEEP_DUE_SECONDS: Final = 30.0  # a job that the sweep queued is not due again before this
MAX_BACKLOG: Final = 1_000  # messages in the queue; above it, due jobs wait in the store for a later sweep


def sweep_jobs(*, now: float) -> int:
    """Queue the tasks of due jobs, oldest first, and return their number. Each is due again after SWEEP_DUE_SECONDS.

    Cost: 1 store call for a batch of 200 jobs, and for each job 1 store call and 1 message. Raises StoreUnavailable,
    and the transport's errors when the broker is unavailable.
    """
    started = time.monotonic()
    queued = 0
    while dispatch.get_backlog() < MAX_BACKLOG:
        current = now + time.monotonic() - started
        jobs = get_store().get_due_jobs(now=current, limit=JOBS_PER_BATCH)
        for job in jobs:
            get_store().postpone_job(job, due=current + SWEEP_DUE_SECONDS)
            queue_again(job)
        queued += len(jobs)
        if len(jobs) < JOBS_PER_BATCH or time.monotonic() > started + SWEEP_SECONDS:
            break
    return queued


def queue_again(job: Job) -> None:
    """Queue the task of a job that was queued before. A purge that is queued again is its second run."""
    options = {"is_second_run": True} if job.kind == "purge" else {}
    dispatch.queue_job(job.kind, job.subject, job.target, job.version, **options)
