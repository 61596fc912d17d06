"""How long the servers waited for a processor. On a busy machine, promises with a time limit need that much longer."""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from soak.history import Stall

SAMPLE_SECONDS: Final = 1.0
MIN_SHARE: Final = 0.1  # Less waiting is normal on a machine that runs nothing else.

Times = dict[str, tuple[int, int]]  # By thread: nanoseconds on a processor and nanoseconds ready, but waiting


class StarvationMonitor:
    """A thread that adds a stall for each second in which the processes waited, until `close` is called."""

    def __init__(self, get_pids: Callable[[], Collection[int]], stalls: list[Stall]) -> None:
        self._get_pids, self._stalls = get_pids, stalls
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(30)

    def _run(self) -> None:
        before, start = read_times(self._get_pids()), time.monotonic()
        while not self._stopped.wait(SAMPLE_SECONDS):
            after, end = read_times(self._get_pids()), time.monotonic()
            share = get_waiting_share(before, after)
            if share > MIN_SHARE:
                self._stalls.append(Stall(start, end, share * (end - start)))
            before, start = after, end


def get_waiting_share(before: Times, after: Times) -> float:
    """Return the share of the time in which threads could have run, but waited. It is 0 if none could run."""
    zero = (0, 0)
    running = sum(after[name][0] - before.get(name, zero)[0] for name in after)
    waiting = sum(after[name][1] - before.get(name, zero)[1] for name in after)
    return waiting / (running + waiting) if waiting > 0 else 0.0


def read_times(pids: Collection[int]) -> Times:
    """Return the times of all threads of these processes. It is empty where /proc has no schedstat."""
    return dict(_iterate_times(pids))


def _iterate_times(pids: Collection[int]) -> Iterator[tuple[str, tuple[int, int]]]:
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                running, waiting, _ = path.read_text().split()
            except (OSError, ValueError):  # The thread has just ended.
                continue
            yield str(path), (int(running), int(waiting))
