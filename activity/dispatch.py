"""Messages to the workers.

Messages leave after the transaction commits. Each belongs to a job in the store, so a message that cannot be sent is
late, not lost: the sweep queues the job again when it is due.
"""

import logging
from typing import Any, Final

from celery import current_app
from kombu.exceptions import OperationalError

from activity.types import JobKind
from core.broker.queues import QueueState, get_queue_states
from core.sql.after_commit import run_after_commit

logger = logging.getLogger(__name__)

DELIVERY: Final = "delivery"  # as in CELERY_TASK_ROUTES
REPEATS: Final = "repeats"  # the jobs that the sweep found; workers take from both queues in turn


def queue_after_commit(kind: JobKind, subject: str, target: str = "", version: int = 0) -> None:
    """Queue the task of this kind of job, after the current transaction (if any) commits."""
    run_after_commit(queue_job, kind, subject, target, version)


def queue_job(
    kind: JobKind, subject: str, target: str = "", version: int = 0, *, queue: str = DELIVERY, **options: Any
) -> None:
    """Queue the task of this kind of job; `options` are further arguments of the task. Logs errors, raises none."""
    try:
        current_app.send_task(
            f"activity.tasks.{kind}", args=[subject, target, version], kwargs=options or None, queue=queue
        )
    except OperationalError as reason:
        logger.warning("broker unavailable: %s job not queued; the sweep will retry it: %s", kind, reason)
    except Exception:  # the change is made, and its job is in the store
        logger.warning("%s job not queued; the sweep will retry it", kind, exc_info=True)


def get_states() -> tuple[QueueState, QueueState]:
    """Return the states of the queues `delivery` and `repeats`. Cost: 1 round trip. Raises the transport's errors."""
    delivery, repeats = get_queue_states([DELIVERY, REPEATS])
    return delivery, repeats
