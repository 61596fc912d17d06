"""The faults, and their schedule, which depends on a seed only."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from soak import losses
from soak.checks.answers import WEB_KILLED
from soak.deployment import SoakDeployment, kill_process
from soak.history import Fault
from soak.record import RunRecord

FIRST_SECONDS: Final = 6.0  # After the start of the run.
# Minimum and maximum. The system recovers from a fault before the next one.
INTERVAL_SECONDS: Final = (9.0, 12.0)
# After every fifth fault, so long that promises about the time after a fault are checked during the load too.
CALM_SECONDS: Final = (20.0, 24.0)
FAULTS_BEFORE_CALM: Final = 5
LAST_SECONDS: Final = 6.0  # Before the end of the load.
PAUSE_SECONDS: Final = 1.0
LOCK_SECONDS: Final = 2.0
MAX_DOWN_SECONDS: Final = 1.5  # For a server that is restarted.
MAX_FULL_SECONDS: Final = 4.0
LOCKED_TABLES: Final = ("activity_person", "activity_job", "analytics_checkpoint", "content_item")


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault at a time in seconds after the start. `variant` (0 to 1) determines the target or the duration."""

    at: float
    name: str
    variant: float


def make_schedule(seed: int, seconds: float) -> list[PlannedFault]:
    """Return the faults of a run. A longer run with the same seed starts with the same faults.

    Every kind of fault occurs once before any kind occurs again, in a random order.
    """
    rng = random.Random(f"{seed}/faults")
    names = _shuffle_forever(rng)
    planned, at = [], FIRST_SECONDS
    while at < seconds - LAST_SECONDS:
        planned.append(PlannedFault(round(at, 1), next(names), rng.random()))
        at += rng.uniform(*(INTERVAL_SECONDS if len(planned) % FAULTS_BEFORE_CALM else CALM_SECONDS))
    return planned


def inject(
    planned: list[PlannedFault], deployment: SoakDeployment, record: RunRecord, stopped: threading.Event
) -> None:
    """Inject each fault at its time, until the event is set."""
    for each in planned:
        if stopped.wait(max(each.at - record.elapsed, 0.0)):
            return
        fault = Fault(each.name, time.monotonic())
        record.faults.append(fault)
        fault.loses_since = FAULTS[each.name](deployment, each.variant)
        fault.end = time.monotonic()


def _shuffle_forever(rng: random.Random) -> Iterator[str]:
    while True:
        yield from rng.sample(sorted(FAULTS), len(FAULTS))


def _kill_web_process(deployment: SoakDeployment, variant: float) -> None:
    if pid := deployment.get_youngest_child(deployment.web.process.pid):
        kill_process(pid)


def _kill_worker_process(deployment: SoakDeployment, variant: float) -> None:
    """Kill a process of a worker. Its parent starts another one and returns its message to the queue."""
    worker = deployment.running[_choose(deployment.worker_names, variant)]
    if pid := deployment.get_youngest_child(worker.pid):
        kill_process(pid)


def _kill_worker(deployment: SoakDeployment, variant: float) -> None:
    deployment.kill_and_restart(_choose(deployment.worker_names, variant))


def _kill_beat(deployment: SoakDeployment, variant: float) -> None:
    deployment.kill_and_restart("beat")


def _pause_redis(deployment: SoakDeployment, variant: float) -> None:
    deployment.redis.pause()
    time.sleep(PAUSE_SECONDS)
    deployment.redis.resume()


def _restart_redis(deployment: SoakDeployment, variant: float) -> None:
    deployment.redis.stop()
    time.sleep(MAX_DOWN_SECONDS * variant)
    deployment.redis.start()


def _cut_redis_connections(deployment: SoakDeployment, variant: float) -> None:
    with deployment.connect_redis() as client:
        client.client_kill_filter(_type="normal", skipme=True)


def _fill_redis(deployment: SoakDeployment, variant: float) -> None:
    """Let Redis reject all writes that need memory."""
    with deployment.connect_redis() as client:
        client.config_set("maxmemory", 1)
        time.sleep(MAX_FULL_SECONDS * variant)
        client.config_set("maxmemory", 0)


def _restart_postgresql(deployment: SoakDeployment, variant: float) -> None:
    deployment.cluster.stop()
    time.sleep(MAX_DOWN_SECONDS * variant)
    deployment.cluster.start()


def _lock_table(deployment: SoakDeployment, variant: float) -> None:
    table = sql.Identifier(_choose(LOCKED_TABLES, variant))
    with psycopg.connect(deployment.database) as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        time.sleep(LOCK_SECONDS)
        connection.rollback()


def _cut_postgresql_connections(deployment: SoakDeployment, variant: float) -> None:
    with psycopg.connect(deployment.database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# By name: a function that returns the start of its loss window, if it has one.
FAULTS: Final[dict[str, Callable[[SoakDeployment, float], float | None]]] = {
    WEB_KILLED: _kill_web_process,
    "worker's process killed": _kill_worker_process,
    "worker killed": _kill_worker,
    "beat killed": _kill_beat,
    "Redis paused": _pause_redis,
    "Redis restarted": _restart_redis,
    "connections to Redis cut": _cut_redis_connections,
    "Redis full": _fill_redis,
    "Redis rolled back": losses.roll_back_redis,
    "Redis's replica promoted": losses.promote_replica,
    "PostgreSQL restarted": _restart_postgresql,
    "a table locked": _lock_table,
    "connections to PostgreSQL cut": _cut_postgresql_connections,
}


def _choose(names: Sequence[str], variant: float) -> str:
    return names[int(variant * len(names))]
