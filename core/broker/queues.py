"""The state of the broker's queues, and when their messages were sent."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from celery import Task, current_app
from kombu.exceptions import OperationalError

from core.codecs import decode

logger = logging.getLogger(__name__)

SENT_AT: Final = "sent_at"  # a field of a message's headers: epoch seconds by the sender's clock


@dataclass(frozen=True, slots=True)
class QueueState:
    """The number of messages that wait, and when the oldest of them was sent.

    `oldest_sent_at` is None if no message waits, or if the oldest one does not say it.
    """

    length: int
    oldest_sent_at: float | None


@dataclass(frozen=True, slots=True)
class _Headers:
    sent_at: float


@dataclass(frozen=True, slots=True)
class _Message:
    headers: _Headers


def get_queue_states(queues: Sequence[str]) -> list[QueueState]:
    """Return the states of queues in the same order. Messages that a worker holds do not wait.

    Cost: 1 round trip to the broker. Raises the errors of redis-py and kombu.
    """
    with current_app.connection_or_acquire() as connection:
        pipe = connection.default_channel.client.pipeline(transaction=False)
        for queue in queues:
            pipe.llen(queue)
            pipe.lindex(queue, -1)  # kombu adds messages at the left and takes them from the right
        replies: list[Any] = pipe.execute()
    return [
        QueueState(length, _get_sent_at(message))
        for length, message in zip(replies[::2], replies[1::2], strict=True)
    ]


def try_to_queue(task: "Task[Any, Any]", *args: Any) -> bool:
    """Queue a task that something queues again later in any case, and return whether the broker took the message.

    Logs the broker's errors. Cost: 1 message.
    """
    try:
        task.delay(*args)
    except OperationalError as error:
        logger.warning("broker unavailable: %s not queued: %s", task.name, error)
        return False
    return True


def _get_sent_at(raw: bytes | None) -> float | None:
    message = decode(_Message, raw)
    return message.headers.sent_at if message else None
