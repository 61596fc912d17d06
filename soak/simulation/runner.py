"""Run the steps of a seed, then all work that they leave, and check the promises."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from django.conf import settings

from activity import timeline_cache
from activity.services import people, presence
from core.circuit import OPEN_SECONDS
from soak.checks import CHECKS
from soak.checks.results import Violation
from soak.checks.visibility import VISIBLE_WITHIN, check_visible
from soak.history import Fault, History
from soak.simulation import promises
from soak.simulation.broker import Message
from soak.simulation.clock import START
from soak.simulation.environment import Environment
from soak.simulation.faults import Faults
from soak.simulation.processes import Process
from soak.simulation.requests import Requests
from soak.simulation.steps import ITEMS, PEOPLE, Limits, Step

T = TypeVar("T")

STEP_SECONDS: Final = 0.001  # so that the times of two steps differ
SWEEP_SECONDS: Final = 5.0
RECOVERY_SECONDS: Final = 2 * OPEN_SECONDS  # circuit breakers are open for a while
DRAIN_SECONDS: Final = 600.0
BEAT: Final = {
    "sweep_jobs": "activity.tasks.sweep_jobs",
    "read_events": "activity.tasks.read_events",
    "count_events": "analytics.tasks.count_events",
    "flush_histories": "activity.tasks.flush_histories",
}


@dataclass(slots=True)
class Result:
    """The outcome of a run. `trace` has a line for each step."""

    violations: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


class Runner:
    """One run. Make a new one for each."""

    def __init__(self, environment: Environment, limits: Limits) -> None:
        environment.reset()
        settings.FANOUT_PUSH_LIMIT = limits.push_limit
        self.environment = environment
        self.clock, self.scheduler, self.broker = (
            environment.clock,
            environment.scheduler,
            environment.broker,
        )
        self.requests = Requests(environment)
        self.faults = Faults(environment)
        self.faults_ended_at = START
        self.result = Result()

    def run(self, steps: Sequence[Step]) -> Result:
        try:
            for uid in PEOPLE:
                people.sync_name_from_token(uid, uid.title(), None)
                presence.mark_active(uid)
            for step in steps:
                self._take(*step)
            slowness = self._end_faults()
            self._finish_all_work()
            self._check(slowness)
        finally:
            self.scheduler.kill_all()
            if self._has_events:
                self.environment.empty_tables()
        return self.result

    def _take(self, name: str, *args: Any) -> None:
        """Take a step and add a line to the trace."""
        self.clock.now += STEP_SECONDS
        self.faults.end_outages()
        note = self._do(name, args)
        step = " ".join(map(str, (name, *args)))
        self.result.trace.append(f"{self.clock.now - START:9.3f} s  {step:<40} {note}".rstrip())

    def _do(self, name: str, args: Sequence[Any]) -> str:
        """Do what a step says, and return a note for the trace."""
        match name:
            case "run" | "kill" | "fail":
                return self._handle_process(name, *args)
            case "deliver" | "repeat" | "lose":
                return self._handle_message(name, *args)
            case "beat":
                return self._advance(self.broker.start_task(Message(BEAT[args[0]]), repeat=True))
            case "pass":
                self.faults.pass_time(*args)
            case "outage":
                self.faults.begin_outage(*args)
            case "forget":
                self.environment.delete_keys(presence.key(args[0]), timeline_cache.key(args[0]))
            case "empty_redis":
                self.faults.empty_redis()
            case "roll_back_redis":
                self.faults.roll_back_redis(*args)
            case _:
                process = self.requests.start((name, *args))
                return "nothing to send" if process is None else self._advance(process)
        return ""

    def _handle_process(self, how: str, choice: float, *args: Any) -> str:
        if not self.scheduler.running:
            return "nothing runs"
        process = _choose(self.scheduler.running, choice)
        if how == "run":
            return self._advance(process, *args)
        if how == "kill":
            self.faults.kill(process)
        else:
            self.faults.fail_next_call(process, *args)
        return process.name

    def _advance(self, process: Process, calls: int = 0) -> str:
        if not self.scheduler.run(process, calls=calls):
            return f"{process.name} pauses"
        self.faults.note_end(process)
        request = self.requests.by_process.get(process)
        return f"{process.name} {'ends' if request is None else f'is answered {request.answer}'}"

    def _handle_message(self, how: str, choice: float) -> str:
        messages = self.broker.get_deliverable()
        if not messages:
            return "no message"
        message = _choose(messages, choice)
        if how == "lose":
            self.broker.waiting.remove(message)
            self.faults.add("message lost")
            return f"{message} is lost"
        return self._advance(self.broker.start_task(message, repeat=how == "repeat"))

    # --- the end ---

    def _end_faults(self) -> Fault:
        """End all faults. Return the one that all steps were: messages waited, and processes paused for any time."""
        self.faults.end_outages(at_once=True)
        for process in self.scheduler.running:
            process.failure = None
        self._finish_processes()
        self.faults_ended_at = self.clock.now
        slowness = Fault("workers are slow", START, self.clock.now)
        self._take("pass", RECOVERY_SECONDS)
        self._read_feeds()
        for uid, phone in sorted(self.requests.phones.items()):
            if phone.unsent:
                self._take("resend_events", uid)
                self._finish_processes()
        return slowness

    def _read_feeds(self) -> None:
        """Let everybody read the whole feed of their followees."""
        for uid in sorted(self.requests.phones):
            self._take("open_feed", uid, "following", 100)
            self._finish_processes()

    def _finish_all_work(self) -> None:
        """Let all processes, messages and jobs finish, while the sweep and the readers run on schedule."""
        visible_at, until = self.faults_ended_at + VISIBLE_WITHIN, self.clock.now + DRAIN_SECONDS
        while self.clock.now < until:
            self._run_messages()
            if self.clock.now >= visible_at:
                self._read_feeds()
                visible_at = until
            if not (self.environment.store.jobs or self.broker.waiting):
                break
            self._take("beat", "sweep_jobs")
            self._run_messages()
            left = visible_at - self.clock.now
            self._take("pass", round(left, 3) if 0 < left < SWEEP_SECONDS else SWEEP_SECONDS)
        self._read_feeds()
        if self._has_events:
            self._read_events()

    def _read_events(self) -> None:
        for name in ("read_events", "count_events"):
            self._take("beat", name)
            self._run_messages()
        self._take("pass", settings.HISTORY_FLUSH_SECONDS)
        self._take("beat", "flush_histories")
        self._run_messages()

    def _run_messages(self) -> None:
        self._finish_processes()
        while self.broker.get_deliverable():
            self._take("deliver", 0.0)
            self._finish_processes()

    def _finish_processes(self) -> None:
        while self.scheduler.running:
            self._take("run", 0.0, 1_000_000)

    @property
    def _has_events(self) -> bool:
        return any(operation.events for operation in self.requests.operations)

    def _is_documented(self, violation: Violation) -> bool:
        """Return whether Redis lost its note of an undo, which followers then see until it is delivered."""
        was_lost = any(fault.loses_since is not None for fault in self.faults.faults)
        is_delivered = violation.at >= self.faults_ended_at + VISIBLE_WITHIN
        return was_lost and not is_delivered and violation.key.endswith("/activity undone")

    def _check(self, slowness: Fault) -> None:
        store, now = self.environment.store, self.clock.now
        if self._has_events:
            self.requests.operations.append(promises.make_count_operation(now))
        history = History(self.requests.operations, self.faults.faults, items={"": list(ITEMS)}, start=START)
        slow_history = msgspec.structs.replace(history, faults=[*history.faults, slowness])
        violations = [f"no 500: {error}" for error in (*self.requests.errors, *self.broker.errors)]
        for check in CHECKS.values():
            result = check(slow_history if check is check_visible else history)
            violations += [
                f"{each.promise}: {each.description}"
                for each in result.violations
                if not self._is_documented(each)
            ]
        violations += promises.find_violations(history, store, PEOPLE, now=now)
        self.result.violations = violations


def _choose(options: Sequence[T], choice: float) -> T:
    """Return one of the options; 1 chooses the newest."""
    return options[min(int(choice * len(options)), len(options) - 1)]
