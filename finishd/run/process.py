"""One child process: started in a group of its own, heard line by line, waited for in a thread."""

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
    """A command with a name. `restart`: another start may help when it dies."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    restart: bool = True
    # Its standard output is an answer to be read, not lines for the terminal.
    captures_output: bool = False


@dataclass(slots=True, eq=False)
class Child:
    """A program, the process that runs it at the moment, and when earlier ones died (monotonic seconds)."""

    program: Program
    process: "subprocess.Popen[str]"
    deaths: deque[float] = field(default_factory=deque)
    output: str = ""
    readers: list[threading.Thread] = field(default_factory=list)
    guarded: bool = True

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


class ProcessStarter:
    """What all children have in common: where they run, who guards them, where their lines go."""

    def __init__(self, *, directory: Path, guard: Guard, output: Output) -> None:
        self._directory = directory
        self._guard = guard
        self._output = output

    def start(self, program: Program, ended: Callable[[Child, int], None]) -> Child:
        """Run it; `ended` is called with its exit code in another thread. Raises Refusal."""
        child = Child(program, self._spawn(program))
        self._follow(child, ended)
        return child

    def start_again(self, child: Child, ended: Callable[[Child, int], None]) -> None:
        """Run a child that has ended once more."""
        child.process, child.guarded = self._spawn(child.program), True
        self._follow(child, ended)

    def release(self, child: Child) -> None:
        """Kill what an ended child left of its group; once only, as its number may be used again."""
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
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        if child.program.captures_output:
            assert process.stderr is not None  # noqa: S101
            child.readers = [_thread(_keep, child, process.stdout), self._lines(child, process.stderr)]
        else:
            child.readers = [self._lines(child, process.stdout)]
        _thread(lambda: ended(child, process.wait()))

    def _lines(self, child: Child, pipe: IO[str]) -> threading.Thread:
        return _thread(self._output.forward, child.program.name, pipe)


def _keep(child: Child, pipe: IO[str]) -> None:
    with pipe:
        child.output = pipe.read()


def _thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
