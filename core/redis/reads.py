"""Deferred reads: queue reads of several modules, send them in one round trip, use each reply later.

A module that owns a key offers a `Read`: the commands to queue and the function that decodes their replies.
The caller adds reads to a `Reads` and gets a `Deferred` for each:

    reads = Reads(state_redis())
    profile = reads.add(profiles.read(uid))
    size = reads.add(history.read_size(uid))
    reads.execute()  # one round trip
    profile.value, size.value

Replies are matched to reads by the number of commands that each read queued, so no caller counts them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from redis.client import Pipeline

from core.outages import WRITE_REJECTIONS
from core.redis import rejections
from core.redis.client import GuardedRedis
from core.redis.rejections import Skippable

T = TypeVar("T")
R = TypeVar("R")

_UNSET: Final = object()


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """Commands to queue, and the function that turns their replies, in the same order, into a value.

    `decode` may do more than decode: on a cache miss it may load the value from the store. Its docstring or that
    of the function that returns the read then states the cost.

    If Redis rejects a write among the commands, the read fails, unless it `skips` its writes: then the reply is None.
    """

    queue: Callable[[Pipeline], object]
    decode: Callable[..., T]
    skips: Skippable | None = None

    def fetch(self, client: GuardedRedis) -> T:
        """Send this read alone and return its value. Cost: 1 round trip, and what `decode` costs."""
        reads = Reads(client)
        deferred = reads.add(self)
        reads.execute()
        return deferred.value

    def map(self, change: Callable[[T], R]) -> "Read[R]":
        """Return a read of the same commands whose value is changed by `change`."""
        return Read(self.queue, lambda *replies: change(self.decode(*replies)), self.skips)


class Deferred(Generic[T]):
    """The value of a queued read. Accessing `value` before `Reads.execute` raises RuntimeError."""

    __slots__ = ("_read", "_replies", "_value")

    def __init__(self, read: Read[T]) -> None:
        self._read = read
        self._replies: Sequence[Any] | None = None
        self._value: Any = _UNSET

    def resolve(self, replies: Sequence[Any]) -> None:
        """Store the replies. `Reads.execute` calls this."""
        self._replies = replies

    @property
    def value(self) -> T:
        """Decode the replies at the first access and return the value.

        Raises the error that Redis answered one of the commands with, and what the read's `decode` raises.
        """
        if self._value is _UNSET:
            if self._replies is None:
                raise RuntimeError("the read was not executed")
            self._value = self._read.decode(*map(self._check, self._replies))
        value: T = self._value
        return value

    def _check(self, reply: Any) -> Any:
        """Return a reply, or None for a rejected write that the read skips. Raises another error reply."""
        if not isinstance(reply, Exception):
            return reply
        if self._read.skips is None or not isinstance(reply, WRITE_REJECTIONS):
            raise reply
        rejections.skip(self._read.skips, reply)
        return None


class Reads:
    """Reads that share one round trip to one Redis server."""

    def __init__(self, client: GuardedRedis) -> None:
        self._pipe = client.pipeline()
        self._queued: list[tuple[Deferred[Any], int]] = []

    def add(self, read: Read[T]) -> Deferred[T]:
        """Queue a read. Its value is available after `execute`."""
        before = len(self._pipe.command_stack)
        read.queue(self._pipe)
        deferred = Deferred(read)
        self._queued.append((deferred, len(self._pipe.command_stack) - before))
        return deferred

    def execute(self) -> None:
        """Send all queued commands. Cost: 1 round trip, none without commands.

        Raises the connection errors of `core.redis.client`. An error reply to one command is raised by the `value`
        of the read that it belongs to, so one failed read does not cost the others.
        """
        replies = self._pipe.execute(raise_on_error=False)
        start = 0
        for deferred, count in self._queued:
            deferred.resolve(replies[start : start + count])
            start += count
        self._queued = []
