"""The way to the workers: messages leave after commit, and one that cannot leave is only late.

Whatever is sent here has a job in the store; beat queues it again when it is due.
"""

import logging
from typing import Final

from celery import current_app
from kombu.exceptions import ChannelError, OperationalError

from activity.types import JobKind
from core.sql import commit

logger = logging.getLogger(__name__)

QUEUE: Final = "fanout"  # as CELERY_TASK_ROUTES says


def queue_after_commit(kind: JobKind, subject: str, target: str = "", version: int = 0) -> None:
    """Queue the task of this kind of job, once the transaction under way (if any) has committed."""
    commit.after_commit(queue_job, kind, subject, target, version)


def queue_job(kind: JobKind, subject: str, target: str = "", version: int = 0) -> None:
    try:
        current_app.send_task(f"activity.tasks.{kind}", args=[subject, target, version])
    except OperationalError as reason:
        logger.warning("a message is not sent, a %s job waits: %s", kind, reason)
    except Exception:  # whatever it is, what it was for is done, and its job says what is left
        logger.warning("a message is not sent: a %s job waits", kind, exc_info=True)


def get_backlog() -> int:
    """How many messages wait for a worker. Raises what the transport raises: redis-py's errors, or kombu's."""
    with current_app.connection_or_acquire() as connection:
        try:
            return int(connection.default_channel.queue_declare(QUEUE, passive=True).message_count)
        except ChannelError:  # an empty queue does not exist
            return 0
