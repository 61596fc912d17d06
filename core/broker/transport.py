"""kombu's Redis transport, for a Redis server that may reject commands.

While Redis is full, the transport still writes what workers need to run tasks, a bounded amount: the tasks that read
events free memory.

kombu reconnects after a *connection error*. It does not count an error reply such as OOM or READONLY as one, so a
worker that gets one ends. Here every error reply is a connection error. So workers reconnect until Redis accepts
their commands, and a message that cannot be sent is kombu's OperationalError, whatever the reason.
"""

import logging
import time
from collections import deque
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.json import dumps
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ResponseError

from core.redis.script import Script

logger = logging.getLogger(__name__)

SCHEMES: Final = ("redis", "rediss")
MAX_UNACKNOWLEDGED: Final = 1_000
MAX_MESSAGES_WHEN_FULL: Final = 1_000  # in each queue; about a megabyte

# Scripts with `allow-oom` may write to a full Redis.
# KEYS: queue. ARGV: message, maximum number of messages.
_PUT_WHEN_FULL = Script("""#!lua flags=allow-oom
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return redis.error_reply('OOM Redis is full, and the queue has ' .. ARGV[2] .. ' messages')
end
return redis.call('LPUSH', KEYS[1], ARGV[1])
""")
# KEYS: index of the messages that workers hold, these messages. ARGV: now, delivery tag, message.
_HOLD_WHEN_FULL = Script("""#!lua flags=allow-oom
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
""")

# The finished messages of this process that Redis still has. Those that do not fit are delivered again after the
# visibility timeout; tasks are idempotent.
_finished: Final[deque[str]] = deque(maxlen=MAX_UNACKNOWLEDGED)


class QoS(redis.QoS):
    """The messages that a worker holds. No error reply makes the worker believe that it has no room for another."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Record in Redis that this worker holds a message, so that it is delivered again if the worker dies.

        A Redis that lets a worker take a message may reject the record. The worker runs the task all the same. The
        message is lost if the worker ends before that.
        """
        try:
            try:
                super().append(message, delivery_tag)
            except OutOfMemoryError:
                self._append_when_full(message, delivery_tag)
        except ResponseError as error:
            logger.warning("broker: a message is held in memory only: %s", error)
            virtual.QoS.append(self, message, delivery_tag)

    def _append_when_full(self, message: Any, delivery_tag: str) -> None:
        sent = message.delivery_info
        record = dumps([message._raw, sent["exchange"], sent["routing_key"]])
        with self.channel.conn_or_acquire() as client:  # type: ignore[attr-defined]
            names = [self.unacked_index_key, self.unacked_key]
            _HOLD_WHEN_FULL.run(client, keys=names, args=[time.time(), delivery_tag, record])
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

    def restore_visible(self, *args: Any, **kwargs: Any) -> None:
        """Return the messages of dead workers to their queues. While Redis rejects this, they wait."""
        try:
            super().restore_visible(*args, **kwargs)
        except ResponseError as error:
            logger.warning("broker: messages of dead workers are not returned: %s", error)


class Channel(redis.Channel):
    QoS = QoS

    def _connparams(self, *args: Any, **kwargs: Any) -> Any:
        """Return the options of a connection. On a closed channel, this is a connection error, so kombu opens another.

        A producer may keep a channel that was closed when Redis died. Without this, its next message would be an
        AttributeError.
        """
        if self.connection is None:
            raise RedisConnectionError("the channel was closed")
        return super()._connparams(*args, **kwargs)  # type: ignore[misc]

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        try:
            super()._put(queue, message, **kwargs)
        except OutOfMemoryError:
            priority = self._get_message_priority(message, reverse=False)
            name = self._q_for_pri(queue, priority)  # type: ignore[attr-defined]
            with self.conn_or_acquire() as client:
                _PUT_WHEN_FULL.run(client, keys=[name], args=[dumps(message), MAX_MESSAGES_WHEN_FULL])

    def _queue_bind(self, *args: Any) -> None:
        """Bind a queue. A full Redis rejects this also for a queue that is bound, which nearly all are."""
        try:
            super()._queue_bind(*args)  # type: ignore[misc]
        except OutOfMemoryError as error:
            logger.warning("broker: queue not bound: %s", error)


class Transport(redis.Transport):
    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, ResponseError)


def register() -> None:
    """Use this transport for all Redis URLs."""
    TRANSPORT_ALIASES.update(dict.fromkeys(SCHEMES, f"{__name__}:{Transport.__qualname__}"))
