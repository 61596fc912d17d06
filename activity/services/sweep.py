"""Sweep of unfinished jobs.

A job stays in the store until it is done. If its message, its worker or the broker is lost, the job becomes due
again, and the sweep queues its task once more. So does a job whose second run was put off.

A job whose message still waits in a queue is not queued again. Queues are in order: if the oldest message that waits
was sent at ten o'clock, so were all that wait, or later. A job is due MESSAGE_SECONDS or more after its message was
sent. So the sweep only takes jobs that were due soon after ten.
"""

import time
from typing import Final

from activity import dispatch
from activity.store import get_store
from activity.types import Job
from core.broker.queues import QueueState

JOBS_PER_BATCH: Final = 200
SWEEP_SECONDS: Final = 4.0  # a sweep starts no further batch after this time
SWEEP_DUE_SECONDS: Final = 30.0  # a job that the sweep queued is not due again before this
# Kinds of jobs that are due only because they did not run. The others wait for a second run.
FIRST_RUNS: Final = frozenset({"deliver", "backfill", "rebuild", "change_reach"})
MAX_REPEATS: Final = 1_000  # messages in the queue; above it, due jobs wait in the store for a later sweep
MESSAGE_SECONDS: Final = 4.0  # the shortest time from a job's message until it is due; a test compares all
# A request or batch sends its message after the time from which it computes `due`, and clocks differ. If they differ by
# more, a job is queued twice, which costs time but does no harm.
MARGIN_SECONDS: Final = 2.0


def sweep_jobs(*, now: float) -> int:
    """Queue the tasks of due jobs, oldest first, and return their number. Each is due again after SWEEP_DUE_SECONDS.

    Cost: 1 round trip and 1 store call for a batch of 200 jobs, and for each job 1 store call and 1 message. Raises
    StoreUnavailable, and the transport's errors when the broker is unavailable.
    """
    started = time.monotonic()
    queued = 0
    while True:
        delivery, repeats = dispatch.get_states()
        if repeats.length >= MAX_REPEATS:
            break
        current = now + time.monotonic() - started
        jobs = get_store().get_due_jobs(now=_get_latest_due(current, delivery, repeats), limit=JOBS_PER_BATCH)
        for job in jobs:
            get_store().postpone_job(job, due=current + SWEEP_DUE_SECONDS)
            queue_again(job)
        queued += len(jobs)
        if len(jobs) < JOBS_PER_BATCH or time.monotonic() > started + SWEEP_SECONDS:
            break
    return queued


def queue_unfinished_jobs(*, now: float) -> int:
    """Queue the jobs that wait for their first run, and return their number: their messages may be lost.

    Second runs of purges and rechecks stay put off. Cost: 1 store call (1,000 documents at most), and for each job 1
    store call and 1 message. Raises StoreUnavailable.
    """
    jobs = [job for job in get_store().get_oldest_jobs(limit=MAX_REPEATS) if job.kind in FIRST_RUNS]
    for job in jobs:
        get_store().postpone_job(job, due=now + SWEEP_DUE_SECONDS)
        queue_again(job)
    return len(jobs)


def queue_again(job: Job) -> None:
    """Queue the task of a job that was queued before. A purge that is queued again is its second run."""
    options = {"is_second_run": True} if job.kind == "purge" else {}
    dispatch.queue_job(job.kind, job.subject, job.target, job.version, queue=dispatch.REPEATS, **options)


def _get_latest_due(now: float, *queues: QueueState) -> float:
    """Return the time before which the message of a due job cannot still wait in one of the queues."""
    sent = [queue.oldest_sent_at for queue in queues if queue.oldest_sent_at is not None]
    return min([now, *(oldest + MESSAGE_SECONDS - MARGIN_SECONDS for oldest in sent)])
