"""The fault matrix: each part away, silent, slow or full, and what every endpoint then says.

One row of FAULTS is a fault, what it costs, and nothing else may: an endpoint that is not named answers 200, a feed
that is not named is whole. The quick third runs in CI, where only a loose ceiling holds for times; `make gauntlet`
runs all of it against the deadlines, and prints what it measured.
"""

import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from django.conf import settings

from core.auth import keys
from finishd.run.guard import signal_group
from finishd.testing.postgres import NoPostgres
from finishd.testing.processes import Web
from finishd.testing.proxy import Mode, Proxy
from finishd.testing.services import service_missing
from finishd.tests import faults
from finishd.tests.faults import ENDPOINTS, FEEDS, Answer, Stack

HALF_OPEN: Final = 2.0  # seconds that a breaker stays open
PATIENCE: Final = 30.0  # seconds until a fault's end must be noticed, at the very most
RECONNECT: Final = 1.5  # seconds that finding the part again may take on top of it
CEILING: Final = 2.0  # seconds that an answer may take on a machine that does other things too
PATIENCE_IN_CI: Final = 10.0  # seconds until all is well again, likewise
LINES: Final = 80  # that an outage of some seconds and some hundred refusals may leave in the log
LATE: Final = 0.1  # seconds beyond its deadline that an answer may take on one that does not

Begin = Callable[[Stack], Any]  # makes a context: the fault lasts as long as it


# --- faults ---


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
    stack.manage("rebuild_cards")  # readers bring back what they ask for; the next fault may want the rest


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
    """Somebody alters the tables of people and items and does not come to an end."""
    with stack.connection() as connection:
        connection.execute(
            "LOCK TABLE activity_person, activity_follow, content_item IN ACCESS EXCLUSIVE MODE"
        )
        try:
            yield
        finally:
            connection.rollback()


# --- the table ---

PEOPLE: Final = ("titles", "preferences", "follow", "followers", "stats", "mutuals")
API: Final = (
    *FEEDS,
    *PEOPLE,
    "events",
    "search",
)  # all of it needs Redis, which counts how often somebody asks
COLD: Final = {"cold viewer": {"profile", "history", "friends"}}
EVERY_FEED: Final = {feed: {"profile", "history", "friends", "following"} for feed in FEEDS}
LOST: Final = {"indexes", "timeline_rebuilding", "served_history"}
EMPTIED: Final = dict.fromkeys(FEEDS, LOST)


@dataclass(frozen=True)
class Fault:
    """`away`: endpoints that answer 503. `either`: 200 or 503, whichever the time allows. `degraded`: what feeds
    may lack. `quick`: CI runs it. `web`: of which server it is asked."""

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


# --- playing it ---


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    def emulator() -> str:
        host: str = request.getfixturevalue("firestore_host")
        return host

    try:
        with faults.stack(emulator) as started:
            yield started
    except NoPostgres as missing:
        service_missing(str(missing))


@dataclass(frozen=True)
class Played:
    """What a fault did: answers in order, seconds until all was well again, and what processes logged."""

    answers: list[Answer]
    recovery: float
    log: list[str]

    def of(self, endpoint: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.endpoint == endpoint]

    @property
    def report(self) -> str:
        good = [answer for answer in self.answers if answer.endpoint != "ready"]
        errors = sum(answer.status != 200 for answer in good) / len(good)
        times = statistics.quantiles((answer.seconds for answer in good), n=100, method="inclusive")
        return (
            f"{len(good)} requests, {errors:.0%} 503, p50 {times[49] * 1e3:.0f} ms, p99 {times[98] * 1e3:.0f} ms, "
            f"longest {max(answer.seconds for answer in good) * 1e3:.0f} ms, recovery {self.recovery:.1f} s, "
            f"{len(self.log)} log lines"
        )


def play(stack: Stack, fault: Fault, *, rounds: int) -> Played:
    web = fault.web(stack)
    become_well(stack, web)
    stack.remember_cursor(web)
    since = len(stack.output)
    with fault.begin(stack):
        answers = [stack.ask(web, name) for _ in range(rounds) for name in ENDPOINTS]
        log = stack.logged(since)
    ended = time.monotonic()
    become_well(stack, web)
    return Played(answers, time.monotonic() - ended, log)


def become_well(stack: Stack, web: Web, *, leaving: tuple[str, ...] = ()) -> None:
    """Ask until every endpoint has answered 200 since, and feeds are whole again."""
    deadline = time.monotonic() + PATIENCE
    for name in [name for name in ENDPOINTS if name not in leaving]:
        while (answer := stack.ask(web, name)).status != 200 or (answer.degraded and name != "next page"):
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)


def unexpected(fault: Fault, answer: Answer) -> bool:
    """Whether this is not what the table says of this endpoint."""
    expected = {503} if answer.endpoint in fault.away else {200}
    wanted = {200, 503} if answer.endpoint in fault.either else expected
    return answer.status not in wanted or not answer.degraded <= fault.degraded.get(answer.endpoint, set())


def is_documented(answer: Answer, code: str = "unavailable") -> bool:
    """200, or a 503 in the one error shape that says when to come back (readiness has a shape of its own)."""
    if answer.status == 200 or (answer.endpoint == "ready" and answer.status == 503):
        return True
    shape = {"error": True, "statusCode": 503, "code": code}
    return shape.items() <= answer.body.items() and int(answer.retry_after or 0) in range(1, 6)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.quick], ids=lambda fault: fault.name)
def test_a_fault_costs_what_the_table_says(stack: Stack, fault: Fault) -> None:
    played = play(stack, fault, rounds=3)
    assert [answer for answer in played.answers if not is_documented(answer)] == []
    assert [answer for answer in played.answers if answer.seconds > CEILING] == []
    # The machine is busy: an answer may be a 503 for want of time, but not each time.
    assert [n for n in ENDPOINTS if all(unexpected(fault, answer) for answer in played.of(n))] == []
    assert not [line for line in played.log if "Traceback" in line]
    assert played.recovery < PATIENCE_IN_CI


@pytest.mark.gauntlet
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_costs_what_the_table_says_and_no_more_time_than_the_deadlines(
    stack: Stack, fault: Fault
) -> None:
    assert stack.machinery
    played = play(stack, fault, rounds=8)
    print(f"{fault.name}: {played.report}", *played.log, sep="\n")  # noqa: T201  (what the gauntlet measures)
    assert [answer for answer in played.answers if not is_documented(answer)] == []
    assert [a for a in played.answers if a.seconds > ENDPOINTS[a.endpoint].deadline + LATE] == []
    assert [answer for answer in played.answers if unexpected(fault, answer)] == []
    assert not [line for line in played.log if "Traceback" in line]
    assert len(played.log) <= LINES, "\n".join(played.log)
    assert played.recovery < HALF_OPEN + RECONNECT


@pytest.mark.gauntlet
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_without_the_endpoint_of_keys_only_a_process_that_has_none_lets_nobody_in(
    stack: Stack, mode: Mode
) -> None:
    assert stack.web
    with stack.client() as client, line_is(stack.keys_line, mode):
        client.delete(keys.AUTH_KEYS.name(project=settings.FIREBASE_PROJECT_ID))
        web = stack.web_of_published_keys()
        answers = [stack.ask(web, name) for _ in range(8) for name in ENDPOINTS if name != "next page"]
    ended = time.monotonic()
    become_well(stack, web, leaving=("next page",))
    cold = Played(answers, time.monotonic() - ended, [])
    print(f"no keys, endpoint {mode}: {cold.report}")  # noqa: T201
    assert [answer for answer in answers if not is_documented(answer, "auth_unavailable")] == []
    assert {a.endpoint for a in answers if a.status == 200} == {"live", "ready", "admin"}
    assert [a for a in answers if a.seconds > ENDPOINTS[a.endpoint].deadline + LATE] == []
    assert cold.recovery < HALF_OPEN + RECONNECT

    stack.remember_cursor(web)
    with line_is(stack.keys_line, mode):
        warm = [stack.ask(web, name) for name in ENDPOINTS]
    assert [answer for answer in warm if answer.status != 200] == []
