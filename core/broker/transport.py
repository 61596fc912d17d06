"""kombu's Redis transport, for a Redis server that may reject commands.

kombu reconnects after a *connection error*. It does not count an error reply such as OOM or READONLY as one, so a
worker that gets one ends. Here every error reply is a connection error. So workers reconnect until Redis accepts
their commands, and a message that cannot be sent is kombu's OperationalError, whatever the reason.
"""

import logging
from collections import deque
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

SCHEMES: Final = ("redis", "rediss")
MAX_UNACKNOWLEDGED: Final = 1_000

# The finished messages of this process that Redis still has. Those that do not fit are delivered again after the
# visibility timeout; tasks are idempotent.
_finished: Final[deque[str]] = deque(maxlen=MAX_UNACKNOWLEDGED)


class QoS(redis.QoS):
    """The messages that a worker holds. No error reply makes the worker believe that it has no room for another."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Record in Redis that this worker holds a message, so that it is delivered again if the worker dies.

        A full Redis lets a worker take a message and rejects the record. The worker runs the task all the same. The
        message is lost if the worker ends before that.
        """
        try:
            super().append(message, delivery_tag)
        except ResponseError as error:
            logger.warning("broker: a message is held in memory only: %s", error)
            virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Remove a finished message from Redis. If Redis rejects this, a later call removes it."""
        _finished.append(delivery_tag)
        try:
            with self.pipe_or_acquire() as pipe:
                for tag in list(_finished):
                    self._remove_from_indices(tag, pipe)  # type: ignore[attr-defined]
                pipe.execute()
            _finished.clear()
        except ResponseError as error:
            logger.warning("broker: %s finished messages not acknowledged: %s", len(_finished), error)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Return a message to its queue, or remove it. If Redis rejects this, it is delivered again later."""
        try:
            super().reject(delivery_tag, requeue)
        except ResponseError as error:
            logger.warning("broker: a message is not returned before its visibility timeout: %s", error)
            virtual.QoS.ack(self, delivery_tag)


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, ResponseError)


def register() -> None:
    """Use this transport for all Redis URLs."""
    TRANSPORT_ALIASES.update(dict.fromkeys(SCHEMES, f"{__name__}:{Transport.__qualname__}"))
