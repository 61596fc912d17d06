"""This process's clock, compared with those of the servers that it shares times with."""

import logging
import time
from collections.abc import Iterator, Mapping
from typing import Final

from django.db import Error as SqlError
from django.db import connection
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from core import deadlines
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import state_redis

MAX_SKEW_SECONDS: Final = 5.0  # the promises in docs/FAILURES.md hold up to this difference
PROCESS: Final = "process"
_SCRAPE_SECONDS: Final = 1.0

Offsets = Mapping[str, float]  # seconds that a server's clock is ahead of this process's, by server

logger = logging.getLogger(__name__)


def measure_offsets() -> Offsets:
    """Return the offsets of `redis` and, with PostgreSQL, of `sql`. SQLite has the clock of its process.

    A reply that took a second makes an offset wrong by half a second at most. Cost: 1 round trip, 1 SQL. Raises the
    errors of Redis and SQL.
    """
    began = time.time()
    seconds, microseconds = state_redis().time()
    offsets = {"redis": seconds + microseconds / 1e6 - _midpoint(began)}
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # connects, which may take longer than the reply
            began = time.time()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            offsets["sql"] = float(cursor.fetchone()[0]) - _midpoint(began)
    return offsets


def is_skewed(offsets: Offsets) -> bool:
    """Return whether two of the clocks differ by more than MAX_SKEW_SECONDS."""
    times = [0.0, *offsets.values()]
    return max(times) - min(times) > MAX_SKEW_SECONDS


def find_wrong_clock(offsets: Offsets) -> str | None:
    """Return the clock that differs from two others that agree: `process`, `redis` or `sql`. None if there is none."""
    times = {PROCESS: 0.0, **offsets}
    for name, own in times.items():
        others = [other for peer, other in times.items() if peer != name]
        is_apart = all(abs(own - other) > MAX_SKEW_SECONDS for other in others)
        if len(others) > 1 and is_apart and max(others) - min(others) <= MAX_SKEW_SECONDS:
            return name
    return None


def describe_skew(offsets: Offsets) -> str:
    """Return sentences that say by how much the clocks differ, and which one is wrong."""
    differences = ", ".join(
        f"{abs(offset):.1f} s {'behind' if offset > 0 else 'ahead of'} {server}"
        for server, offset in offsets.items()
    )
    wrong = find_wrong_clock(offsets)
    verdict = f"The clock of {wrong} is wrong." if wrong else "One of them is wrong."
    return f"This process's clock is {differences}. {verdict}"


def make_metric(offsets: Offsets) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "finishd_clock_offset_seconds",
        "Seconds that a server's clock is ahead of that of the process that answers.",
        labels=["server"],
    )
    for server, offset in offsets.items():
        family.add_metric([server], offset)
    return family


class ClockCollector(Collector):
    """Measures the offsets at each scrape of a worker, in the thread that answers. Logs clocks that differ."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with deadlines.request_deadline(_SCRAPE_SECONDS):
                offsets = measure_offsets()
        except (*REDIS_UNAVAILABLE, SqlError, deadlines.DeadlinePassed) as error:
            logger.warning("metrics: the clocks were not compared: %s", error)
            return
        finally:
            connection.close()
        if is_skewed(offsets):
            logger.warning("clock skew: %s", describe_skew(offsets))
        yield make_metric(offsets)


def _midpoint(began: float) -> float:
    return (began + time.time()) / 2
