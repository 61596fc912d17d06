"""Nothing outlives its starter: a tiny process that stops what a killed supervisor or pytest left running.

The starter holds the write end of a pipe and the guard the read end. The guard learns each child's process
group over it; when the pipe closes, for whatever reason, even SIGKILL, it stops the groups that are left.
Linux's PR_SET_PDEATHSIG would reach only direct children, not Celery's or granian's own, is bound to the
thread that forked, and is missing on macOS; a pipe and process groups have none of these holes.

This file is also run by path (`python -I -S guard.py`), so that a guard starts in milliseconds and imports
the standard library only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

GRACE_SECONDS = 3.0  # between asking a group to stop and killing it


class Guard:
    """The starter's end of the pipe.

    `keep_fds` stay open in the guard until it ends: a lock held through one of them is released only when
    nothing is left running.
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
        """Watch the process group led by `pid`."""
        self._tell(f"+{pid}\n")

    def remove(self, pid: int) -> None:
        """Forget a group that has ended, before its number is used again."""
        self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Stop whatever is still watched, and the guard itself. Blocks for `GRACE_SECONDS` at most."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  (a pipe was asked for)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


def signal_group(pid: int, number: int) -> bool:
    """Send a signal to the process group led by `pid`; False when no such group is left."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of which only zombies are left
        return False
    return True


def signal_process(pid: int, number: int) -> None:
    """Send a signal to one process, if it still is."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def stop_groups(pids: Sequence[int], *, grace: float = GRACE_SECONDS) -> None:
    """Ask every group's leader to stop, then kill what is left of the groups after `grace` seconds."""
    for pid in pids:
        signal_process(pid, signal.SIGTERM)
        signal_process(pid, signal.SIGCONT)  # a paused process could not obey
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
