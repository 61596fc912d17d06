"""A model of the broker and its workers: messages that arrive late, twice, in any order, or never."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from kombu.exceptions import OperationalError

from activity.types import StoreUnavailable
from core.broker.queues import QueueState
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from finishd.celery import app
from soak.simulation.clock import Clock
from soak.simulation.processes import Process, Scheduler

REDELIVERY_SECONDS: Final = 11.0  # after which the message of a killed worker is delivered again
RETRY_SECONDS: Final = 2.0
OUTAGES: Final = (
    *(StoreUnavailable, SqlUnavailable, OperationalError, SoftTimeLimitExceeded),
    *REDIS_UNAVAILABLE,
)
SIMULATED: Final = ("activity.tasks.", "analytics.tasks.")  # messages to other tasks are lost


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a worker. Times are epoch seconds; it is not delivered before `at`."""

    task: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    queue: str = ""
    sent_at: float = 0.0
    at: float = 0.0
    retries: int = 0

    def __str__(self) -> str:
        options = [*map(str, self.args), *(f"{name}={value}" for name, value in self.kwargs)]
        return f"{self.task.rpartition('.')[2]}({', '.join(options)})"


@dataclass(slots=True)
class Broker:
    """The queue. `errors` are the unexpected exceptions of tasks."""

    clock: Clock
    scheduler: Scheduler
    waiting: list[Message] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def send(self, name: str, args: Any, kwargs: Any, queue: str) -> None:
        """Take the place of `Celery.send_task`. Raises OperationalError if the broker is unavailable."""
        self.scheduler.before_call("broker")
        if name.startswith(SIMULATED):
            options = tuple((kwargs or {}).items())
            self.waiting.append(Message(name, tuple(args or ()), options, queue, sent_at=self.clock.now))

    def get_state(self, queue: str) -> QueueState:
        """Return the state of a queue. Raises OperationalError if the broker is unavailable."""
        self.scheduler.before_call("broker")
        waiting = [message for message in self.get_deliverable() if message.queue == queue]
        return QueueState(len(waiting), waiting[0].sent_at if waiting else None)

    def get_deliverable(self) -> list[Message]:
        return [message for message in self.waiting if message.at <= self.clock.now]

    def start_task(self, message: Message, *, repeat: bool = False) -> Process:
        """Give a message to a worker, which starts its task; with `repeat` the message is also left in the queue."""
        if not repeat:
            self.waiting.remove(message)
        task = app.tasks[message.task]
        process = Process(
            str(message),
            work=lambda: self._run(message),
            on_killed=lambda: self._redeliver(message, REDELIVERY_SECONDS),
            started_at=self.clock.now,
            soft_limit=task.soft_time_limit or 0.0,
            hard_limit=task.time_limit or 0.0,
        )
        self.scheduler.start(process)
        return process

    def _run(self, message: Message) -> None:
        task = app.tasks[message.task]
        try:
            task.run(*message.args, **dict(message.kwargs))
        except Exception as reason:
            may_retry = isinstance(reason, getattr(task, "autoretry_for", ()))
            if may_retry and message.retries < (task.max_retries or 0):
                again = replace(message, retries=message.retries + 1, at=self.clock.now + RETRY_SECONDS)
                self.waiting.append(again)
            elif not may_retry and not isinstance(reason, OUTAGES):
                self.errors.append(f"{message}: {type(reason).__name__}: {reason}")

    def _redeliver(self, message: Message, seconds: float) -> None:
        self.waiting.append(replace(message, at=self.clock.now + seconds))
