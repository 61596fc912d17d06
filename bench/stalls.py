"""Stalls of Redis, as another client sees them."""

import threading
import time
from typing import Final

import redis

INTERVAL: Final = 0.0005  # Seconds between two PINGs.


class StallMonitor:
    """A client of Redis that sends PING every half millisecond and records how long each response took."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=30)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._pings: list[tuple[float, float]] = []  # (start, duration) in seconds

    def __enter__(self) -> "StallMonitor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self._client.close()

    def longest(self, *, since: float = 0.0, until: float = float("inf")) -> float:
        """Return the longest response time in milliseconds within this span of `time.monotonic()`."""
        pings = (duration for start, duration in self._pings if start <= until and start + duration >= since)
        return 1_000 * max(pings, default=0.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            start = time.monotonic()
            self._client.ping()
            self._pings.append((start, time.monotonic() - start))
            time.sleep(INTERVAL)


def measure_idle_stall(url: str, seconds: float) -> float:
    """Return the longest response time in milliseconds without other load. It grows with `seconds`."""
    with StallMonitor(url) as monitor:
        time.sleep(seconds)
    return monitor.longest()
