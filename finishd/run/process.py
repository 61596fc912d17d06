"""Child processes. Each has its own process group; threads read its output and wait for its exit."""

import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from finishd.run.errors import StartupError
from finishd.run.guard import Guard, signal_group
from finishd.run.output import Output


@dataclass(frozen=True, slots=True)
class Program:
    """A command with a name. With `restart`, the supervisor starts it again when it exits."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    restart: bool = True
    # The caller reads standard output as a result. Otherwise its lines go to the terminal.
    captures_output: bool = False


@dataclass(slots=True, eq=False)
class Child:
    """A program, its current process, and the times at which earlier ones exited (monotonic seconds)."""

    program: Program
    process: "subprocess.Popen[str]"
    exits: deque[float] = field(default_factory=deque)
    output: str = ""
    readers: list[threading.Thread] = field(default_factory=list)
    guarded: bool = True

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class ProcessStarter:
    """Start children in one directory, with one guard and one output."""

    def __init__(self, *, directory: Path, guard: Guard, output: Output) -> None:
        self._directory = directory
        self._guard = guard
        self._output = output

    def start(self, program: Program, ended: Callable[[Child, int], None]) -> Child:
        """Start a program. A thread calls `ended` with the exit code. Raises StartupError."""
        child = Child(program, self._spawn(program))
        self._follow(child, ended)
        return child

    def start_again(self, child: Child, ended: Callable[[Child, int], None]) -> None:
        """Start the program of a child that has exited again."""
        child.process, child.guarded = self._spawn(child.program), True
        self._follow(child, ended)

    def release(self, child: Child) -> None:
        """Kill the remaining processes of a child that has exited. Later calls do nothing, because ids are reused."""
        if not child.guarded:
            return
        child.guarded = False
        signal_group(child.process.pid, signal.SIGKILL)
        self._guard.remove(child.process.pid)
        for reader in child.readers:
            reader.join(timeout=1)

    def _spawn(self, program: Program) -> "subprocess.Popen[str]":
        try:
            process = subprocess.Popen(
                program.command,
                cwd=self._directory,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if program.captures_output else subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise StartupError(f"{program.name} cannot be started: {error}.") from error
        self._guard.add(process.pid)
        return process

    def _follow(self, child: Child, ended: Callable[[Child, int], None]) -> None:
        process = child.process
        assert process.stdout is not None
        if child.program.captures_output:
            assert process.stderr is not None
            child.readers = [_thread(_read_output, child, process.stdout), self._lines(child, process.stderr)]
        else:
            child.readers = [self._lines(child, process.stdout)]
        _thread(lambda: ended(child, process.wait()))

    def _lines(self, child: Child, pipe: IO[str]) -> threading.Thread:
        return _thread(self._output.forward, child.program.name, pipe)


def _read_output(child: Child, pipe: IO[str]) -> None:
    with pipe:
        child.output = pipe.read()


def _thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
