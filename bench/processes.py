"""Processes: waiting for them, their children, and the processor time and memory that they use (from /proc)."""

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.errors import RunFailed

START_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def wait_for(
    condition: Callable[[], bool],
    *,
    what: str,
    seconds: float = START_SECONDS,
    process: "subprocess.Popen[bytes] | None" = None,
) -> None:
    """Wait until the condition is true. Raise `RunFailed` after `seconds`, or if `process` ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise RunFailed(f"waited for {what}, but the process ended with code {process.returncode}")
        if time.monotonic() > deadline:
            raise RunFailed(f"timeout: waited {seconds:.0f} s for {what}")
        time.sleep(POLL_SECONDS)


def resident_mb(pids: Sequence[int]) -> float:
    """Return the resident memory of the largest of these processes in MB. Processes that ended are ignored.

    Raise `RunFailed` if no process is left, or if the system has no /proc.
    """
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if "VmRSS" in lines:  # A zombie process has no such line.
                found.append(int(lines["VmRSS"].split()[0]) / 1024)
    if not found:
        raise RunFailed("resident memory is not available: no process in /proc")
    return max(found)


def get_children(pid: int) -> list[int]:
    """Return the direct children of a process. Without /proc the list is empty."""
    return _read_processes()[1].get(pid, [])


class CpuUsage:
    """Context manager that measures how many cores each process tree uses between entry and exit."""

    def __init__(self, roots: Mapping[str, int | None]) -> None:
        self._roots = {name: pid for name, pid in roots.items() if pid is not None}
        self._before: dict[str, float] = {}
        self._started = 0.0
        self.cores: dict[str, float] = {}

    def __enter__(self) -> "CpuUsage":
        self._before, self._started = _get_cpu_seconds(self._roots), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        elapsed = max(time.monotonic() - self._started, 0.001)
        after = _get_cpu_seconds(self._roots)
        self.cores = {name: max(after[name] - self._before[name], 0.0) / elapsed for name in after}

    def describe(self) -> str:
        """Return for example `server 1.82, Redis 0.14 of 2 cores`. Without /proc the result is empty."""
        if not any(self.cores.values()):
            return ""
        parts = [f"{name} {cores:.2f}" for name, cores in self.cores.items() if cores >= 0.005]
        return f"{', '.join(parts)} of {os.cpu_count()} cores"


def _get_cpu_seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the processor seconds that each process tree has used, including children that ended."""
    seconds, children = _read_processes()
    totals = {}
    for name, root in roots.items():
        total, pids = 0.0, [root]
        while pids:
            pid = pids.pop()
            total += seconds.get(pid, 0.0)
            pids += children.get(pid, [])
        totals[name] = total
    return totals


def _read_processes() -> tuple[dict[int, float], dict[int, list[int]]]:
    """Return the processor seconds of each process, and the children of each process."""
    seconds: dict[int, float] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat") if Path("/proc/self/stat").exists() else ():
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        seconds[pid] = sum(map(int, fields[11:15])) / _TICKS
        children[int(fields[1])].append(pid)
    return seconds, children
