"""The faults of the fault matrix, and the endpoints that each one affects."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from core.tests.redis_faults import REDIS_FAULTS, configured
from finishd.run.guard import signal_group
from finishd.testing.processes import Web
from finishd.testing.proxy import Mode, Proxy
from finishd.tests.fault_endpoints import FEEDS
from finishd.tests.faults import Stack

OPEN_SECONDS: Final = 2.0  # that a circuit breaker stays open
RECONNECT_SECONDS: Final = 1.5  # in addition, until clients have reconnected
MAX_LOG_LINES: Final = 80  # of one outage of some seconds
GRACE_SECONDS: Final = 0.1  # that a response may be late on a busy machine
Begin = Callable[[Stack], Any]  # returns a context manager; the fault lasts until its block ends


@contextmanager
def proxy_mode(proxy: Proxy, mode: Mode, seconds: float = 0.0) -> Iterator[None]:
    proxy.switch(mode, seconds)
    try:
        yield
    finally:
        proxy.switch("pass")


@contextmanager
def stopped(server: Any) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def redis_paused(stack: Stack) -> Iterator[None]:
    stack.redis.pause()
    try:
        yield
    finally:
        stack.redis.resume()


@contextmanager
def redis_emptied(stack: Stack) -> Iterator[None]:
    stack.redis.stop()
    stack.redis.start()
    with stack.redis_client() as client:
        client.flushall()
    yield
    # Reads restore only part of the data, and the next fault may need the rest.
    stack.manage("rebuild_cards")


@contextmanager
def without_worker(stack: Stack) -> Iterator[None]:
    worker, _ = stack.worker_and_beat
    signal_group(worker.pid, signal.SIGKILL)
    try:
        yield
    finally:
        stack.start_worker()


@contextmanager
def without_beat(stack: Stack) -> Iterator[None]:
    _, beat = stack.worker_and_beat
    signal_group(beat.pid, signal.SIGKILL)
    try:
        yield
    finally:
        stack.start_beat()


@contextmanager
def tables_locked(stack: Stack) -> Iterator[None]:
    """Hold locks on the tables of people and items, as a long migration does."""
    with stack.connect_to_sql() as connection:
        connection.execute(
            "LOCK TABLE activity_person, activity_follow, content_item IN ACCESS EXCLUSIVE MODE"
        )
        try:
            yield
        finally:
            connection.rollback()


@contextmanager
def read_only(stack: Stack) -> Iterator[None]:
    """Make the database reject writes, as after a failover to a standby."""
    _set_read_only(stack, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        _set_read_only(stack, "RESET default_transaction_read_only")


def _set_read_only(stack: Stack, change: str) -> None:
    """Change the database's default, and end the sessions that have the old one."""
    with stack.connect_to_sql() as connection:
        connection.read_only = False
        (name,) = connection.execute("SELECT current_database()").fetchone() or ("",)
        connection.execute(f'ALTER DATABASE "{name}" {change}')
        connection.commit()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


PEOPLE_ENDPOINTS: Final = ("titles", "preferences", "follow", "followers", "stats", "mutuals")
# All of these need Redis, which counts their requests.
API_ENDPOINTS: Final = (*FEEDS, *PEOPLE_ENDPOINTS, "events", "search")
# These need a new plan or another write. The others skip theirs while Redis rejects writes.
CHANGES: Final = (
    "first page",
    "following",
    "trending",
    "cold viewer",
    "titles",
    "preferences",
    "follow",
    "events",
)
DEGRADED_COLD_VIEWER: Final = {"cold viewer": {"profile", "history", "friends"}}
ALL_FEEDS_DEGRADED: Final = {feed: {"profile", "history", "friends", "following"} for feed in FEEDS}
PARTS_IN_REDIS: Final = {"indexes", "timeline_rebuilding", "served_history"}
DEGRADED_AFTER_LOSS: Final = dict.fromkeys(FEEDS, PARTS_IN_REDIS)


@dataclass(frozen=True)
class Fault:
    """A fault and its effects.

    `unavailable` endpoints respond with 503, `sometimes_unavailable` endpoints with 200 or 503. `degraded` contains
    the parts that feeds may lack. CI runs the fault if `quick` is true. `web` returns the server to test.
    """

    name: str
    begin: Begin
    unavailable: tuple[str, ...] = ()
    sometimes_unavailable: tuple[str, ...] = ()
    degraded: dict[str, set[str]] = field(default_factory=dict)
    quick: bool = False
    web: Callable[[Stack], Web] = lambda stack: stack.web


def in_firestore(name: str, begin: Begin, **effects: Any) -> Fault:
    return Fault(
        f"firestore {name}",
        begin,
        degraded=DEGRADED_COLD_VIEWER,
        web=lambda stack: stack.firestore_web,
        **effects,
    )


def rejecting(name: str, reply: str, *, quick: bool = False) -> Fault:
    """Return a fault in which Redis answers reads and rejects writes with this error reply."""
    return Fault(
        name,
        lambda stack: stack.redis_fault(REDIS_FAULTS[reply]),
        unavailable=(*CHANGES, "ready"),
        quick=quick,
    )


def misconfigured(name: str, **values: str) -> Fault:
    """Return a fault that only readiness reports: Redis would lose data."""
    return Fault(name, lambda s: s.redis_fault(lambda r: configured(r, **values)), unavailable=("ready",))


FAULTS: Final = [
    Fault("redis stopped", lambda s: stopped(s.redis), unavailable=(*API_ENDPOINTS, "ready"), quick=True),
    Fault("redis paused", redis_paused, unavailable=(*API_ENDPOINTS, "ready"), quick=True),
    Fault("redis cut", lambda s: proxy_mode(s.redis_proxy, "reset"), unavailable=(*API_ENDPOINTS, "ready")),
    Fault(
        "redis slow",
        lambda s: proxy_mode(s.redis_proxy, "delay", 0.04),
        sometimes_unavailable=("cold viewer", "ready"),
        degraded=ALL_FEEDS_DEGRADED,
        quick=True,
    ),
    Fault(
        "redis very slow",
        lambda s: proxy_mode(s.redis_proxy, "delay", 0.4),
        unavailable=(*API_ENDPOINTS, "ready"),
    ),
    Fault(
        "redis in drops",
        lambda s: proxy_mode(s.redis_proxy, "trickle", 0.02),
        sometimes_unavailable=(*API_ENDPOINTS, "ready"),
    ),
    rejecting("redis full", "OOM", quick=True),
    rejecting("redis read-only", "READONLY"),
    rejecting("redis without disk", "MISCONF"),
    misconfigured("redis evicting", maxmemory_policy="allkeys-lru"),
    misconfigured("redis without a file", appendonly="no"),
    Fault("redis emptied", redis_emptied, sometimes_unavailable=("ready",), degraded=DEGRADED_AFTER_LOSS),
    Fault(
        "sql stopped",
        lambda s: stopped(s.sql),
        unavailable=(*PEOPLE_ENDPOINTS, "search", "ready"),
        degraded=DEGRADED_COLD_VIEWER,
        quick=True,
    ),
    Fault(
        "sql silent",
        lambda s: proxy_mode(s.sql_proxy, "hang"),
        unavailable=(*PEOPLE_ENDPOINTS, "search", "ready"),
        degraded=DEGRADED_COLD_VIEWER,
    ),
    Fault(
        "sql locked",
        tables_locked,
        unavailable=(*PEOPLE_ENDPOINTS, "search"),
        degraded=DEGRADED_COLD_VIEWER,
        quick=True,
    ),
    Fault(
        "sql read-only",
        read_only,
        unavailable=("titles", "preferences", "follow", "ready"),
        quick=True,
    ),
    Fault(
        "sql slow",
        lambda s: proxy_mode(s.sql_proxy, "delay", 0.1),
        sometimes_unavailable=(*PEOPLE_ENDPOINTS, "search", "ready"),
        degraded=DEGRADED_COLD_VIEWER,
    ),
    Fault("broker stopped", lambda s: stopped(s.broker), unavailable=("ready",)),
    Fault("broker silent", lambda s: proxy_mode(s.broker_proxy, "hang"), unavailable=("ready",), quick=True),
    Fault("worker killed", without_worker),
    Fault("beat dead", without_beat),
    in_firestore("stopped", lambda s: proxy_mode(s.emulator_proxy, "refuse"), unavailable=PEOPLE_ENDPOINTS),
    in_firestore("silent", lambda s: proxy_mode(s.emulator_proxy, "hang"), unavailable=PEOPLE_ENDPOINTS),
    in_firestore("erroring", lambda s: proxy_mode(s.emulator_proxy, "reset"), unavailable=PEOPLE_ENDPOINTS),
    in_firestore(
        "slow", lambda s: proxy_mode(s.emulator_proxy, "delay", 0.1), sometimes_unavailable=PEOPLE_ENDPOINTS
    ),
]
