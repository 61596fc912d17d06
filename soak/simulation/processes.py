"""Simulated processes: a request or a task that pauses before each call, and there may be killed or see the call fail.

A process is a greenlet: pausing one and running another is a switch of stacks, in the same thread.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

import greenlet
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from activity.types import StoreUnavailable
from soak.simulation.clock import Clock

Dependency = Literal["redis", "store", "broker"]


ERRORS: Final[Mapping[Dependency, type[Exception]]] = {
    "redis": RedisConnectionError,
    "broker": OperationalError,
    "store": StoreUnavailable,
}


class Failure(Enum):
    """How a call fails: it has no effect, or it has one and only its reply is lost."""

    REJECTED = "rejected"
    REPLY_LOST = "reply lost"


class Killed(BaseException):
    """The process was killed. Whatever it still tries raises this again."""


@dataclass(eq=False, slots=True)
class Process:
    """A running request or task. `started_at` is its start, and limits are in seconds from then, 0 for none."""

    name: str
    work: Callable[[], None]
    on_killed: Callable[[], None]
    started_at: float
    soft_limit: float = 0.0
    hard_limit: float = 0.0
    is_killed: bool = False
    was_warned: bool = False
    failure: Failure | None = None  # of the next call
    stack: greenlet.greenlet = field(init=False)

    def __post_init__(self) -> None:
        self.stack = greenlet.greenlet(self.work)


def make_error(dependency: Dependency) -> Exception:
    return ERRORS[dependency]("simulated outage")


class Scheduler:
    """All running processes. The caller chooses which runs next and for how many calls."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.running: list[Process] = []
        self.unavailable: set[str] = set()
        self._main: Final = greenlet.getcurrent()
        self._calls_left = 0

    def start(self, process: Process) -> None:
        self.running.append(process)

    def run(self, process: Process, *, calls: int) -> bool:
        """Let a process make up to this many calls; return whether it has ended."""
        self._apply_limits(process)
        self._calls_left = calls
        stack = process.stack
        if stack or not process.is_killed:  # a process that is killed before its start never runs
            with suppress(Killed):
                stack.switch()
        if not (stack.dead or process.is_killed):
            return False
        self.running.remove(process)
        if process.is_killed:
            process.on_killed()
        return True

    def kill(self, process: Process) -> None:
        """Kill a process where it is."""
        process.is_killed = True
        self.run(process, calls=0)

    def kill_all(self) -> None:
        """End all processes, so that no stack is left."""
        while self.running:
            self.kill(self.running[0])

    # --- called by the models, in the process that makes the call ---

    def pause(self) -> None:
        """Let others run if the process has made its calls. Raises what happened to it meanwhile."""
        process = self._get_current()
        if process is None:
            return
        if process.is_killed:
            raise Killed
        if self._calls_left <= 0 and not connection.in_atomic_block:
            self._main.switch()
            if process.is_killed:
                raise Killed
            if process.soft_limit and not process.was_warned and self._get_age(process) > process.soft_limit:
                process.was_warned = True
                raise SoftTimeLimitExceeded
        self._calls_left -= 1

    def before_call(self, dependency: Dependency, *, may_pause: bool = True) -> None:
        """Pause, and fail the call if that was to happen."""
        if may_pause:
            self.pause()
        process = self._get_current()
        if process is None:
            return
        if dependency in self.unavailable:
            raise make_error(dependency)
        if process.failure is Failure.REJECTED:
            process.failure = None
            raise make_error(dependency)

    def after_call(self, dependency: Dependency) -> None:
        """Lose the reply of a call if that was to happen."""
        process = self._get_current()
        if process is not None and process.failure is Failure.REPLY_LOST:
            process.failure = None
            raise RedisTimeoutError("simulated") if dependency == "redis" else make_error(dependency)

    def _get_current(self) -> Process | None:
        current = greenlet.getcurrent()
        return next((process for process in self.running if process.stack is current), None)

    def _get_age(self, process: Process) -> float:
        return self.clock.now - process.started_at

    def _apply_limits(self, process: Process) -> None:
        if process.hard_limit and self._get_age(process) >= process.hard_limit:
            process.is_killed = True
