"""What others see while something is measured: stalls of Redis, and who uses the processors."""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import redis

EVERY: Final = 0.0005  # seconds between two questions
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Stalls:
    """A second client of a Redis that asks PING every half a millisecond: how long it waited, and when."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._waits: list[tuple[float, float]] = []

    def __enter__(self) -> "Stalls":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self._client.close()

    def longest(self, *, since: float = 0.0, until: float = float("inf")) -> float:
        """Milliseconds of the longest wait that touches this span of time.monotonic()."""
        waits = (wait for begun, wait in self._waits if begun <= until and begun + wait >= since)
        return 1_000 * max(waits, default=0.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            self._client.ping()
            self._waits.append((begun, time.monotonic() - begun))
            time.sleep(EVERY)


def at_rest(url: str, seconds: float) -> float:
    """Milliseconds of the longest wait while nothing happens: the longer one looks, the longer it is."""
    with Stalls(url) as probe:
        time.sleep(seconds)
    return probe.longest()


class Busy:
    """How many processors each of some process trees uses between entering and leaving."""

    def __init__(self, trees: Mapping[str, int | None]) -> None:
        self._trees = {name: pid for name, pid in trees.items() if pid is not None}
        self._before: dict[str, float] = {}
        self._begun = 0.0
        self.cores: dict[str, float] = {}

    def __enter__(self) -> "Busy":
        self._before, self._begun = _spent(self._trees), time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        passed = max(time.monotonic() - self._begun, 0.001)
        after = _spent(self._trees)
        self.cores = {name: max(after[name] - self._before[name], 0.0) / passed for name in after}

    def says(self) -> str:
        """`server 1.82, Redis 0.14 of 2 cores`; empty where the kernel does not tell."""
        if not any(self.cores.values()):
            return ""
        parts = [f"{name} {cores:.2f}" for name, cores in self.cores.items() if cores >= 0.005]
        return f"{', '.join(parts)} of {os.cpu_count()} cores"


def _spent(trees: Mapping[str, int]) -> dict[str, float]:
    """Processor seconds of each tree so far, with those of its ended children."""
    seconds, children = _processes()
    spent = {}
    for name, root in trees.items():
        total, left = 0.0, [root]
        while left:
            pid = left.pop()
            total += seconds.get(pid, 0.0)
            left += children.get(pid, [])
        spent[name] = total
    return spent


def _processes() -> tuple[dict[int, float], dict[int, list[int]]]:
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


def children(pid: int) -> list[int]:
    """The direct children of a process; none where the kernel does not tell."""
    return _processes()[1].get(pid, [])
