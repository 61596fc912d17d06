"""Keep programs running and stop them in order, without leaving processes behind.

Each exit of a child, signal and due restart is an event in one queue. Only the main thread reads the queue, so no
other thread and no signal handler makes decisions. docs/decisions/0029 says why this is not a library.
"""

import math
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from finishd.run.errors import StartupError
from finishd.run.guard import signal_group, signal_process
from finishd.run.output import Output
from finishd.run.process import Child, ProcessStarter, Program

MAX_RESTARTS = 5  # in RESTART_WINDOW seconds; one more exit ends the run
RESTART_WINDOW = 60.0
RESTART_DELAY = 1.0
STOP_SECONDS = 10.0  # between SIGTERM and SIGKILL
DUPLICATE_SIGNAL_SECONDS = 1.0  # make and `timeout` send the signal again that the group already got
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal asked the run to end."""


@dataclass(frozen=True, slots=True)
class Exited:
    child: Child
    code: int


@dataclass(frozen=True, slots=True)
class RestartDue:
    child: Child


@dataclass(frozen=True, slots=True)
class Signalled:
    number: int


Event = Exited | RestartDue | Signalled


class Supervisor:
    """Run children in process groups of their own, so that Ctrl-C reaches only the supervisor."""

    def __init__(
        self, *, starter: ProcessStarter, output: Output, restart_delay: float = RESTART_DELAY
    ) -> None:
        self._starter = starter
        self._output = output
        self._restart_delay = restart_delay
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._children: list[Child] = []
        self._interrupted_at = -math.inf

    def listen_to_signals(self) -> None:
        """Turn signals into events that end the run. Call it in the main thread."""
        for number in SIGNALS:
            signal.signal(number, lambda received, _frame: self._events.put(Signalled(received)))

    def start(self, program: Program) -> Child:
        """Start a program that runs until `stop`. Raises StartupError."""
        child = self._starter.start(program, self._ended)
        self._children.append(child)
        return child

    def run_to_completion(self, program: Program) -> str:
        """Run a program until it exits, and return its output.

        Raises StartupError if it fails or if another program cannot be kept running, and Interrupted.
        """
        child = self.start(program)
        while child in self._children:
            self._handle(self._events.get(), step=child)
        return child.output

    def wait_until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `condition` is true. Raises StartupError after `seconds`, and the exceptions of `watch`."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StartupError(f"{what} after {seconds:.0f} s.")
            try:
                self._handle(self._events.get(timeout=0.1))
            except queue.Empty:
                continue

    def watch(self) -> None:
        """Keep all programs running. Raises Interrupted, or StartupError if a program cannot be kept running."""
        while True:
            self._handle(self._events.get())

    def stop(self, *, last: Sequence[str] = ()) -> None:
        """Stop all children, and those named in `last` after the others. A second signal kills them at once."""
        last_children = [child for child in self._children if child.program.name in last]
        self._stop([child for child in self._children if child not in last_children])
        self._stop(last_children)
        self._children.clear()

    def _stop(self, children: Sequence[Child]) -> None:
        for child in children:
            signal_process(child.process.pid, signal.SIGTERM) if child.alive else None
        deadline = time.monotonic() + STOP_SECONDS
        while any(child.alive for child in children) and time.monotonic() < deadline:
            try:
                if self._is_second_signal(self._events.get(timeout=0.1)):
                    break
            except queue.Empty:
                continue
        for child in children:
            if child.alive:
                self._output.write_line("finishd", f"{child.program.name} does not stop; killing it")
                signal_group(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._starter.release(child)

    def _is_second_signal(self, event: Event) -> bool:
        return (
            isinstance(event, Signalled)
            and time.monotonic() > self._interrupted_at + DUPLICATE_SIGNAL_SECONDS
        )

    def _ended(self, child: Child, code: int) -> None:
        self._events.put(Exited(child, code))

    def _handle(self, event: Event, *, step: Child | None = None) -> None:
        match event:
            case Signalled():
                self._interrupted_at = time.monotonic()
                raise Interrupted
            case RestartDue(child):
                self._output.write_line("finishd", f"restarting {child.program.name}")
                self._starter.start_again(child, self._ended)
            case Exited(child, code):
                self._starter.release(child)
                if child is step:
                    self._check_exit(child, code)
                else:
                    self._restart(child, code)

    def _check_exit(self, child: Child, code: int) -> None:
        self._children.remove(child)
        if code:
            raise StartupError(
                child.output.strip()
                or f"{child.program.name} failed {_describe_exit(code)}. See its lines above."
            )

    def _restart(self, child: Child, code: int) -> None:
        name = child.program.name
        now = time.monotonic()
        child.exits.append(now)
        while child.exits[0] < now - RESTART_WINDOW:
            child.exits.popleft()
        if not child.program.restart:
            raise StartupError(
                f"{name} exited {_describe_exit(code)}, so the run stops. See its last lines above."
            )
        if len(child.exits) > MAX_RESTARTS:
            raise StartupError(
                f"{name} exited {MAX_RESTARTS + 1} times within a minute, so the run stops. See its lines above."
            )
        self._output.write_line("finishd", f"{name} exited {_describe_exit(code)}")
        timer = threading.Timer(self._restart_delay, self._events.put, (RestartDue(child),))
        timer.daemon = True
        timer.start()


def _describe_exit(code: int) -> str:
    return f"on signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
