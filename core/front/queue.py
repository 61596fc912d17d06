"""The queue of a lane: requests that wait for a thread, oldest first."""

import time
from asyncio import AbstractEventLoop, Future, Task
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Condition

from asgiref.typing import ASGIReceiveCallable, HTTPScope

from core.front.answers import Answer
from core.front.classes import RequestClass


@dataclass(slots=True, eq=False)
class Waiting:
    """A complete request. The code that takes it out of the queue sets its answer, in its event loop."""

    scope: HTTPScope
    body: bytes
    request_class: RequestClass
    arrived: float  # by time.monotonic()
    loop: AbstractEventLoop
    receive: ASGIReceiveCallable  # the next message is that the client has closed its connection
    watcher: "Task[None] | None" = None  # waits for that message
    answer: "Future[Answer | None]" = field(init=False)  # None: send nothing, the client has gone

    def __post_init__(self) -> None:
        self.answer = self.loop.create_future()

    def resolve(self, answer: Answer | None) -> None:
        """Set the answer. Call it in the event loop."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def get_deadline(self, now: float) -> float:
        """Return when a request that starts now must end, by time.monotonic()."""
        return min(now + self.request_class.run, self.arrived + self.request_class.total)


class RequestQueue:
    """A bounded queue. The event loop adds requests and removes overdue ones, threads take the oldest."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[int, Waiting] = OrderedDict()
        self._changed = Condition()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def has_room(self, request_class: RequestClass) -> bool:
        """Return whether a request of this class is admitted now. Only the event loop adds requests.

        A closed queue admits none: its threads may have ended.
        """
        return not self._is_closed and len(self._waiting) < request_class.room

    def put(self, waiting: Waiting) -> None:
        with self._changed:
            self._waiting[id(waiting)] = waiting
            self._changed.notify()

    def get(self) -> Waiting | None:
        """Return the oldest request; wait until there is one. None after `close`, when the queue is empty."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            return self._waiting.popitem(last=False)[1] if self._waiting else None

    def remove(self, waiting: Waiting) -> bool:
        """Remove a request. Return False if a thread has it already."""
        with self._changed:
            return self._waiting.pop(id(waiting), None) is not None

    def remove_overdue(self) -> list[Waiting]:
        """Remove and return the requests that have waited for longer than their class allows."""
        now = time.monotonic()
        with self._changed:
            overdue = [
                each for each in self._waiting.values() if each.arrived + each.request_class.wait < now
            ]
            for each in overdue:
                del self._waiting[id(each)]
        return overdue

    def get_unwatched(self, seconds: float) -> list[Waiting]:
        """Return the requests that have waited for so long, and whose clients are not watched."""
        now = time.monotonic()
        with self._changed:
            return [
                each for each in self._waiting.values() if not each.watcher and each.arrived + seconds < now
            ]

    def close(self) -> None:
        """Let the threads end when the queue is empty."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
