"""Memory of processes and connections of servers, second by second, and what is too much of them."""

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
from finishd.run.programs import WORKERS
from soak.deployment import DATABASE_POOL, WEB_PROCESSES, WEB_THREADS, SoakDeployment

EVERY: Final = 1.0
WARM_AFTER: Final = 30.0  # seconds of a process's life in which it grows to its size: caches, threads, arenas
JUDGED_FOR: Final = 60.0  # seconds thereafter, at least, of which a slope says something
# MB that are no leak. A worker grows by 22 MB over its first ten rebuilds that tell 600 cards of new counts, and then
# no more: the allocator keeps what its largest work took, and large work may come late.
GROWTH: Final = 25.0

# What pools may come to, so that only what is left behind again and again goes beyond it. Redis: web's processes have
# two pools of it (one server under two names) with a connection a thread, and the broker's to send by; Celery's
# processes have both pools and up to six connections to the broker (to send, receive, listen and answer by).
_CELERY: Final = 1 + sum(1 + processes for _, processes in WORKERS.values())  # with beat
REDIS_MOST: Final = WEB_PROCESSES * (2 * WEB_THREADS + 2) + 8 * _CELERY
SQL_MOST: Final = WEB_PROCESSES * DATABASE_POOL + 2 * _CELERY


@dataclass(slots=True)
class Process:
    """`samples`: (monotonic seconds, MB resident)."""

    role: str
    samples: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Growth:
    """Of a process behind its warm-up: where it stood, by how much it grew in all, MB a minute, over how many s."""

    role: str
    began: float
    growth: float
    slope: float
    seconds: float

    @property
    def too_much(self) -> bool:
        return self.growth > GROWTH


class Watch:
    """A thread that looks until it is closed."""

    def __init__(self, deployment: SoakDeployment) -> None:
        self._stand = deployment
        self._over = threading.Event()
        self._processes: dict[int, Process] = defaultdict(lambda: Process(""))
        self.most_redis = self.most_sql = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join(30)

    def growths(self) -> list[Growth]:
        """Of all that lived long enough."""
        found = (growth_of(process.role, process.samples) for process in self._processes.values())
        return [growth for growth in found if growth is not None]

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            for pid, role in self._stand.roles().items():
                process = self._processes[pid]
                process.role = role
                with suppress(RunFailed, OSError):  # it died just now
                    process.samples.append((time.monotonic(), resident_mb([pid])))
            with suppress(redis.RedisError, psycopg.Error, OSError):
                self.most_redis = max(self.most_redis, redis_clients(self._stand))
                self.most_sql = max(self.most_sql, len(sql_clients(self._stand)))


def growth_of(role: str, samples: Sequence[tuple[float, float]]) -> Growth | None:
    """Between the medians of the first and the last fifth behind the warm-up; None for a life too short to tell."""
    warm = [sample for sample in samples if sample[0] >= samples[0][0] + WARM_AFTER] if samples else []
    if not warm or warm[-1][0] - warm[0][0] < JUDGED_FOR:
        return None
    seconds, fifth = warm[-1][0] - warm[0][0], max(len(warm) // 5, 1)
    began, ended = (median([mb for _, mb in part]) for part in (warm[:fifth], warm[-fifth:]))
    # The two medians lie four fifths of the time apart.
    return Growth(role, began, ended - began, (ended - began) / (0.8 * seconds / 60), seconds)


def redis_clients(deployment: SoakDeployment) -> int:
    """Connections, this one's not counted."""
    with deployment.broker as client:
        return int(client.info("clients")["connected_clients"]) - 1


def sql_clients(deployment: SoakDeployment) -> list[str]:
    """The states of the connections to our database, this one's not among them."""
    with psycopg.connect(deployment.database, autocommit=True, connect_timeout=2) as connection:
        rows = connection.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [str(state) for (state,) in rows.fetchall()]
