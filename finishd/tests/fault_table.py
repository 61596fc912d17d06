"""The faults of the fault matrix, and the endpoints that each one affects."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from finishd.run.guard import signal_group
from finishd.testing.processes import Web
from finishd.testing.proxy import Mode, Proxy
from finishd.tests.fault_endpoints import FEEDS
from finishd.tests.faults import Stack

HALF_OPEN: Final = 2.0  # seconds that a circuit breaker stays open


RECONNECT: Final = 1.5  # additional seconds until the dependency is found again


LINES: Final = 80  # log lines that an outage of some seconds may cause


LATE: Final = 0.1  # seconds that a response may take beyond its deadline on a busy machine


Begin = Callable[[Stack], Any]  # returns a context manager; the fault lasts for its block


@contextmanager
def line_is(line: Proxy, mode: Mode, seconds: float = 0.0) -> Iterator[None]:
    line.switch(mode, seconds)
    try:
        yield
    finally:
        line.switch("pass")


@contextmanager
def stopped(part: Any) -> Iterator[None]:
    part.stop()
    try:
        yield
    finally:
        part.start()


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    stack.redis.pause()
    try:
        yield
    finally:
        stack.redis.resume()


@contextmanager
def full(stack: Stack) -> Iterator[None]:
    with stack.client() as client:
        client.config_set("maxmemory", 1)
        try:
            yield
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def emptied(stack: Stack) -> Iterator[None]:
    stack.redis.stop()
    stack.redis.start()
    with stack.client() as client:
        client.flushall()
    yield
    stack.manage("rebuild_cards")  # reads restore only part of the data, and the next fault may need the rest


@contextmanager
def without_worker(stack: Stack) -> Iterator[None]:
    worker, _ = stack.machinery
    signal_group(worker.pid, signal.SIGKILL)
    try:
        yield
    finally:
        stack.worker()


@contextmanager
def without_beat(stack: Stack) -> Iterator[None]:
    _, beat = stack.machinery
    signal_group(beat.pid, signal.SIGKILL)
    try:
        yield
    finally:
        stack.beat()


@contextmanager
def locked(stack: Stack) -> Iterator[None]:
    """Hold locks on the tables of people and items, as a long migration does."""
    with stack.connection() as connection:
        connection.execute(
            "LOCK TABLE activity_person, activity_follow, content_item IN ACCESS EXCLUSIVE MODE"
        )
        try:
            yield
        finally:
            connection.rollback()


PEOPLE: Final = ("titles", "preferences", "follow", "followers", "stats", "mutuals")


API: Final = (
    *FEEDS,
    *PEOPLE,
    "events",
    "search",
)  # all endpoints need Redis, because it throttles requests


COLD: Final = {"cold viewer": {"profile", "history", "friends"}}


EVERY_FEED: Final = {feed: {"profile", "history", "friends", "following"} for feed in FEEDS}


LOST: Final = {"indexes", "timeline_rebuilding", "served_history"}


EMPTIED: Final = dict.fromkeys(FEEDS, LOST)


@dataclass(frozen=True)
class Fault:
    """A fault and its effects.

    `away` are the endpoints that respond with 503, `either` those that respond with 200 or 503, and `degraded` the
    parts that feeds may lack. CI runs the fault if `quick` is true. `web` chooses the server."""

    name: str
    begin: Begin
    away: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    degraded: dict[str, set[str]] = field(default_factory=dict)
    quick: bool = False
    web: Callable[[Stack], Web] = lambda stack: stack.web


def in_firestore(name: str, begin: Begin, **costs: Any) -> Fault:
    return Fault(f"firestore {name}", begin, degraded=COLD, web=lambda stack: stack.firestore_web, **costs)


FAULTS: Final = [
    Fault("redis stopped", lambda s: stopped(s.redis), away=(*API, "ready"), quick=True),
    Fault("redis paused", paused, away=(*API, "ready"), quick=True),
    Fault("redis cut", lambda s: line_is(s.redis_line, "reset"), away=(*API, "ready")),
    Fault(
        "redis slow",
        lambda s: line_is(s.redis_line, "delay", 0.04),
        either=("cold viewer", "ready"),
        degraded=EVERY_FEED,
        quick=True,
    ),
    Fault(
        "redis very slow",
        lambda s: line_is(s.redis_line, "delay", 0.4),
        away=(*API, "ready"),
    ),
    Fault("redis in drops", lambda s: line_is(s.redis_line, "trickle", 0.02), either=(*API, "ready")),
    Fault("redis full", full, away=API, quick=True),
    Fault("redis emptied", emptied, either=("ready",), degraded=EMPTIED),
    Fault(
        "sql stopped", lambda s: stopped(s.sql), away=(*PEOPLE, "search", "ready"), degraded=COLD, quick=True
    ),
    Fault(
        "sql silent", lambda s: line_is(s.sql_line, "hang"), away=(*PEOPLE, "search", "ready"), degraded=COLD
    ),
    Fault("sql locked", locked, away=(*PEOPLE, "search"), degraded=COLD, quick=True),
    Fault("sql slow", lambda s: line_is(s.sql_line, "delay", 0.1), either=(*PEOPLE, "search"), degraded=COLD),
    Fault("broker stopped", lambda s: stopped(s.broker), away=("ready",)),
    Fault("broker silent", lambda s: line_is(s.broker_line, "hang"), away=("ready",), quick=True),
    Fault("worker killed", without_worker),
    Fault("beat dead", without_beat),
    in_firestore("stopped", lambda s: line_is(s.emulator_line, "refuse"), away=PEOPLE),
    in_firestore("silent", lambda s: line_is(s.emulator_line, "hang"), away=PEOPLE),
    in_firestore("erroring", lambda s: line_is(s.emulator_line, "reset"), away=PEOPLE),
    in_firestore("slow", lambda s: line_is(s.emulator_line, "delay", 0.1), either=PEOPLE),
]
