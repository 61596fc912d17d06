"""What dies, when, in an order that a seed decides."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import sql

from soak.deployment import SoakDeployment, kill_process
from soak.record import WEB_KILLED, Fault, Record

FIRST: Final = 6.0  # seconds after the run began
EVERY: Final = (9.0, 12.0)  # seconds from one to the next: each is to be recovered from before
LAST: Final = 6.0  # seconds before the load ends
PAUSE: Final = 1.0
LOCKED: Final = 2.0
LOCKS: Final = ("activity_person", "activity_job", "analytics_checkpoint", "content_item")


@dataclass(frozen=True, slots=True)
class Planned:
    """`at`: seconds after the run's beginning. `lot` decides what of several is hit."""

    at: float
    name: str
    lot: float


def schedule(seed: int, seconds: float) -> list[Planned]:
    """The same for the same seed, and longer for a longer run. All kinds come in turn, in an order of chance."""
    rng = random.Random(f"{seed}/faults")
    deck = _deck(rng)
    planned, at = [], FIRST
    while at < seconds - LAST:
        planned.append(Planned(round(at, 1), next(deck), rng.random()))
        at += rng.uniform(*EVERY)
    return planned


def _deck(rng: random.Random) -> Iterator[str]:
    while True:
        yield from rng.sample(sorted(FAULTS), len(FAULTS))


def carry_out(
    planned: list[Planned], deployment: SoakDeployment, record: Record, over: threading.Event
) -> None:
    """Each at its time."""
    for fault in planned:
        if over.wait(max(fault.at - record.now, 0.0)):
            return
        noted = Fault(fault.name, time.monotonic())
        record.faults.append(noted)
        FAULTS[fault.name](deployment, fault.lot)
        noted.ended = time.monotonic()


def _web_process(deployment: SoakDeployment, lot: float) -> None:
    if pid := deployment.youngest(deployment.web.process.pid):
        kill_process(pid)


def _worker_process(deployment: SoakDeployment, lot: float) -> None:
    """Its parent starts another one and gives back what it held."""
    if pid := deployment.youngest(deployment.running[_one_of(deployment.workers(), lot)].pid):
        kill_process(pid)


def _worker(deployment: SoakDeployment, lot: float) -> None:
    deployment.kill(_one_of(deployment.workers(), lot))


def _beat(deployment: SoakDeployment, lot: float) -> None:
    deployment.kill("beat")


def _redis_paused(deployment: SoakDeployment, lot: float) -> None:
    deployment.redis.pause()
    time.sleep(PAUSE)
    deployment.redis.resume()


def _redis_restarted(deployment: SoakDeployment, lot: float) -> None:
    deployment.redis.stop()
    time.sleep(DOWN_FOR * lot)
    deployment.redis.start()


def _redis_cut(deployment: SoakDeployment, lot: float) -> None:
    with deployment.broker as client:
        client.client_kill_filter(_type="normal", skipme=True)


def _sql_restarted(deployment: SoakDeployment, lot: float) -> None:
    deployment.cluster.stop()
    time.sleep(DOWN_FOR * lot)
    deployment.cluster.start()


def _sql_locked(deployment: SoakDeployment, lot: float) -> None:
    with psycopg.connect(deployment.database) as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(_one_of(LOCKS, lot)))
        )
        time.sleep(LOCKED)
        connection.rollback()


def _sql_cut(deployment: SoakDeployment, lot: float) -> None:
    with psycopg.connect(deployment.database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


DOWN_FOR: Final = 1.5  # seconds at most that a server stays away
FAULTS: Final[dict[str, Callable[[SoakDeployment, float], None]]] = {
    WEB_KILLED: _web_process,
    "worker's process killed": _worker_process,
    "worker killed": _worker,
    "beat killed": _beat,
    "Redis paused": _redis_paused,
    "Redis restarted": _redis_restarted,
    "connections to Redis cut": _redis_cut,
    "PostgreSQL restarted": _sql_restarted,
    "a table locked": _sql_locked,
    "connections to PostgreSQL cut": _sql_cut,
}


def _one_of(names: "list[str] | tuple[str, ...]", lot: float) -> str:
    return names[int(lot * len(names))]
