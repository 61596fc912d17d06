"""The guard: a small process that stops the children of a supervisor or pytest that was killed.

The parent holds the write end of a pipe, and the guard the read end. The parent writes the process group of each
child to the pipe. When the pipe closes, also after SIGKILL, the guard stops the groups that remain.

Linux's PR_SET_PDEATHSIG is not enough: it reaches direct children only, not the processes of Celery or granian, it
is bound to the thread that forked, and macOS does not have it.

This file is also run by its path (`python -I -S guard.py`). It imports only the standard library, so a guard starts
in milliseconds.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

GRACE_SECONDS = 3.0  # between SIGTERM and SIGKILL


class Guard:
    """The parent's side of the guard.

    The guard keeps `keep_fds` open until it exits, so a lock on one of them is released only after all groups have
    stopped.
    """

    def __init__(self, *, keep_fds: Sequence[int] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=keep_fds,
            start_new_session=True,
            cwd="/",
        )

    def add(self, pid: int) -> None:
        """Stop the process group of `pid` if the parent dies."""
        self._write(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Remove a group that has ended, before the system reuses its id."""
        self._write(f"-{pid}\n")

    def close(self) -> None:
        """Stop the remaining groups and the guard. Blocks for `GRACE_SECONDS` at most."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def signal_group(pid: int, number: int) -> bool:
    """Send a signal to the process group of `pid`. Return False if the group has ended."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # on macOS: only zombies remain in the group
        return False
    return True


def signal_process(pid: int, number: int) -> None:
    """Send a signal to a process if it exists."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def stop_groups(pids: Sequence[int], *, grace: float = GRACE_SECONDS) -> None:
    """Send SIGTERM to the leader of each group, and SIGKILL to the groups after `grace` seconds."""
    for pid in pids:
        signal_process(pid, signal.SIGTERM)
        signal_process(pid, signal.SIGCONT)  # a suspended process cannot handle SIGTERM
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(signal_group(pid, 0) for pid in pids):
        time.sleep(0.05)
    for pid in pids:
        signal_group(pid, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, None] = {}
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            watched[pid] = None
        else:
            watched.pop(pid, None)
    stop_groups(list(watched))


if __name__ == "__main__":
    main()
