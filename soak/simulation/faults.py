"""What fails while steps run. Each fault is in the history, so that checks know what it excuses."""

from typing import Final

from soak.history import Fault
from soak.simulation.clock import START
from soak.simulation.environment import Environment
from soak.simulation.processes import Failure, Process
from soak.simulation.redis_model.server import FULL, Entry

SHORT_PAUSE: Final = (
    0.1  # seconds; a process that pauses for longer is a fault, because requests have deadlines
)
RESTART_SECONDS: Final = 1.0
REDIS_WRITES: Final = "redis writes"


class Faults:
    """The faults of a run so far, `faults`, and the outages among them that have not ended."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.clock, self.scheduler = environment.clock, environment.scheduler
        self.faults: list[Fault] = []
        self._outages: dict[str, Fault] = {}
        self._answered_late: list[tuple[Fault, set[Process]]] = []
        self._saved = [(START, environment.redis.copy_data())]

    def add(self, name: str, seconds: float = 0.0) -> Fault:
        fault = Fault(name, self.clock.now, self.clock.now + seconds)
        self.faults.append(fault)
        return fault

    def kill(self, process: Process) -> None:
        self.scheduler.kill(process)
        self.add("process killed")

    def fail_next_call(self, process: Process, failure: str) -> None:
        process.failure = Failure(failure)
        self.add(f"call fails: {failure}")

    def begin_outage(self, name: str, seconds: float) -> None:
        """Let calls to a dependency fail, or let Redis reject writes, unless that is so already."""
        if name in self._outages:
            return
        if name == REDIS_WRITES:
            self.environment.redis.rejection = FULL
        self.scheduler.unavailable.add(name)
        self._outages[name] = self.add(f"{name}: outage", seconds)

    def end_outages(self, *, at_once: bool = False) -> None:
        """End the outages whose time has come, or all of them."""
        for name, fault in list(self._outages.items()):
            if at_once:
                fault.end = min(fault.end, self.clock.now)
            if fault.end <= self.clock.now:
                if name == REDIS_WRITES:
                    self.environment.redis.rejection = ""
                self.scheduler.unavailable.discard(name)
                del self._outages[name]

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in which Redis saves its data."""
        self._saved.append((self.clock.now, self.environment.redis.copy_data()))
        if seconds > SHORT_PAUSE and self.scheduler.running:
            self.add("processes pause", seconds)
        self.clock.now += seconds

    def empty_redis(self) -> None:
        """Restart Redis without data. All events that were not counted are lost.

        No later rollback restores what was before: an operator who restores an older file runs `after_restore`, which
        also forgets who is active. Deliveries skipped these people while Redis was empty.
        """
        self._restart_redis({}, since=START)
        self._saved = [(self.clock.now, {})]

    def roll_back_redis(self, number: int) -> None:
        """Restart Redis with data that it saved earlier: a number of times are lost."""
        self._saved = self._saved[: -number or None] or self._saved[:1]
        at, data = self._saved[-1]
        self._restart_redis(data, since=at)

    def _restart_redis(self, data: dict[bytes, Entry], *, since: float) -> None:
        fault = self.add("Redis loses data", RESTART_SECONDS)
        fault.loses_since = since
        self._answered_late.append((fault, set(self.scheduler.running)))
        self.environment.redis.restore(data)
        self.clock.now += RESTART_SECONDS

    def note_end(self, process: Process) -> None:
        """Extend the loss window by the requests that wrote before the loss and are answered after it."""
        for fault, processes in self._answered_late:
            if process in processes:
                fault.end = max(fault.end, self.clock.now)
