"""Memory of processes and connections to servers, sampled every second, and their limits."""

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import psycopg
import redis

from bench.errors import RunFailed
from bench.processes import resident_mb
from bench.statistics import median
from bench.web import WEB_THREADS
from finishd.run.programs import WORKERS
from soak.deployment import DATABASE_POOL, WEB_PROCESSES, SoakDeployment

SAMPLE_SECONDS: Final = 1.0
WARM_UP_SECONDS: Final = 30.0  # In this time a new process fills its caches, threads and allocator arenas.
MIN_SECONDS: Final = 60.0  # A growth is measured over this time at least.
# MB. A worker grows by 22 MB over its first ten rebuilds that update the counts of 600 cards, and not afterwards: the
# allocator keeps the memory that the largest task needed.
MAX_GROWTH: Final = 25.0

# The largest sizes of all pools. More connections mean that connections are leaked. Redis: a web process has two pools
# (one server under two names) with one connection a thread, and the broker's connections. The lanes besides the API's
# have six threads (finishd/request_classes.py). A Celery process has both pools and up to six connections to the
# broker.
_CELERY_PROCESSES: Final = 1 + sum(1 + processes for _, processes in WORKERS.values())  # With beat.
MAX_REDIS_CONNECTIONS: Final = WEB_PROCESSES * (2 * (WEB_THREADS + 6) + 2) + 8 * _CELERY_PROCESSES
MAX_SQL_CONNECTIONS: Final = WEB_PROCESSES * DATABASE_POOL + 2 * _CELERY_PROCESSES


@dataclass(slots=True)
class ProcessMemory:
    """The samples of a process: (seconds of `time.monotonic()`, resident MB)."""

    role: str
    samples: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class MemoryGrowth:
    """The growth of a process after its warm-up, in MB. `slope` is in MB a minute."""

    role: str
    start_mb: float
    growth: float
    slope: float
    seconds: float

    @property
    def is_excessive(self) -> bool:
        return self.growth > MAX_GROWTH


class ResourceMonitor:
    """A thread that takes samples until `close` is called."""

    def __init__(self, deployment: SoakDeployment) -> None:
        self._deployment = deployment
        self._stopped = threading.Event()
        self._processes: dict[int, ProcessMemory] = defaultdict(lambda: ProcessMemory(""))
        self.most_redis_connections = self.most_sql_connections = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(30)

    def get_growths(self) -> list[MemoryGrowth]:
        """Return the growth of each process that ran long enough."""
        growths = (measure_growth(each.role, each.samples) for each in self._processes.values())
        return [growth for growth in growths if growth is not None]

    def _run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            for pid, role in self._deployment.get_roles().items():
                process = self._processes[pid]
                process.role = role
                with suppress(RunFailed, OSError):  # The process has just ended.
                    process.samples.append((time.monotonic(), resident_mb([pid])))
            with suppress(redis.RedisError, psycopg.Error, OSError):
                redis_connections = count_redis_connections(self._deployment)
                self.most_redis_connections = max(self.most_redis_connections, redis_connections)
                sql_connections = len(get_sql_connection_states(self._deployment))
                self.most_sql_connections = max(self.most_sql_connections, sql_connections)


def measure_growth(role: str, samples: Sequence[tuple[float, float]]) -> MemoryGrowth | None:
    """Compare the medians of the first and the last fifth of the samples after the warm-up.

    Return None if there are samples of less than MIN_SECONDS.
    """
    warm = [sample for sample in samples if sample[0] >= samples[0][0] + WARM_UP_SECONDS] if samples else []
    if not warm or warm[-1][0] - warm[0][0] < MIN_SECONDS:
        return None
    seconds, fifth = warm[-1][0] - warm[0][0], max(len(warm) // 5, 1)
    start, end = (median([mb for _, mb in part]) for part in (warm[:fifth], warm[-fifth:]))
    # The two medians are four fifths of the time apart.
    return MemoryGrowth(role, start, end - start, (end - start) / (0.8 * seconds / 60), seconds)


def count_redis_connections(deployment: SoakDeployment) -> int:
    """Return the number of connections without the one that counts."""
    with deployment.connect_redis() as client:
        return int(client.info("clients")["connected_clients"]) - 1


def get_sql_connection_states(deployment: SoakDeployment) -> list[str]:
    """Return the state of each connection to the deployment's database, without the one that asks."""
    with psycopg.connect(deployment.database, autocommit=True, connect_timeout=2) as connection:
        rows = connection.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [str(state) for (state,) in rows.fetchall()]
