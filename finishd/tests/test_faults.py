"""The fault matrix: each dependency down, hanging, slow or full, and the responses of every endpoint.

Each entry of FAULTS is a fault with its effects. All other endpoints respond with 200, and all other feeds are
complete. The quick third runs in CI with loose time limits. `make gauntlet` runs all faults against the deadlines
and prints the measured times.
"""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from django.conf import settings

from core.auth import keys
from finishd.testing.postgres import NoPostgres
from finishd.testing.processes import Web
from finishd.testing.proxy import Mode
from finishd.testing.services import service_missing
from finishd.tests import faults
from finishd.tests.fault_endpoints import ENDPOINTS, Answer
from finishd.tests.fault_table import FAULTS, HALF_OPEN, LATE, LINES, RECONNECT, Fault, line_is
from finishd.tests.faults import Stack

PATIENCE: Final = 30.0  # seconds until the end of a fault must be noticed


CEILING: Final = 2.0  # seconds that a response may take on a busy machine


PATIENCE_IN_CI: Final = 10.0  # seconds until recovery on a busy machine


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
    """The effects of a fault: responses in order, seconds until recovery, and log lines."""

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
    """Send requests until every endpoint responds with 200 and feeds are complete."""
    deadline = time.monotonic() + PATIENCE
    for name in [name for name in ENDPOINTS if name not in leaving]:
        while (answer := stack.ask(web, name)).status != 200 or (answer.degraded and name != "next page"):
            assert time.monotonic() < deadline, answer
            time.sleep(0.05)


def unexpected(fault: Fault, answer: Answer) -> bool:
    """Return whether the response differs from the table."""
    expected = {503} if answer.endpoint in fault.away else {200}
    wanted = {200, 503} if answer.endpoint in fault.either else expected
    return answer.status not in wanted or not answer.degraded <= fault.degraded.get(answer.endpoint, set())


def is_documented(answer: Answer, code: str = "unavailable") -> bool:
    """Return whether the response is 200, or a 503 with the error format and `Retry-After` (except readiness)."""
    if answer.status == 200 or (answer.endpoint == "ready" and answer.status == 503):
        return True
    shape = {"error": True, "statusCode": 503, "code": code}
    return shape.items() <= answer.body.items() and int(answer.retry_after or 0) in range(1, 6)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [f for f in FAULTS if f.quick], ids=lambda fault: fault.name)
def test_a_fault_affects_what_the_table_says(stack: Stack, fault: Fault) -> None:
    played = play(stack, fault, rounds=3)
    assert [answer for answer in played.answers if not is_documented(answer)] == []
    assert [answer for answer in played.answers if answer.seconds > CEILING] == []
    # On a busy machine, a response may be a 503 because of its deadline, but not every one.
    assert [n for n in ENDPOINTS if all(unexpected(fault, answer) for answer in played.of(n))] == []
    assert not [line for line in played.log if "Traceback" in line]
    assert played.recovery < PATIENCE_IN_CI


@pytest.mark.gauntlet
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_affects_what_the_table_says_within_the_deadlines(stack: Stack, fault: Fault) -> None:
    assert stack.machinery
    played = play(stack, fault, rounds=8)
    print(f"{fault.name}: {played.report}", *played.log, sep="\n")
    assert [answer for answer in played.answers if not is_documented(answer)] == []
    assert [a for a in played.answers if a.seconds > ENDPOINTS[a.endpoint].deadline + LATE] == []
    assert [answer for answer in played.answers if unexpected(fault, answer)] == []
    assert not [line for line in played.log if "Traceback" in line]
    assert len(played.log) <= LINES, "\n".join(played.log)
    assert played.recovery < HALF_OPEN + RECONNECT


@pytest.mark.gauntlet
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_without_the_key_endpoint_only_a_process_without_keys_rejects_tokens(
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
    print(f"no keys, endpoint {mode}: {cold.report}")
    assert [answer for answer in answers if not is_documented(answer, "auth_unavailable")] == []
    assert {a.endpoint for a in answers if a.status == 200} == {"live", "ready", "admin"}
    assert [a for a in answers if a.seconds > ENDPOINTS[a.endpoint].deadline + LATE] == []
    assert cold.recovery < HALF_OPEN + RECONNECT

    stack.remember_cursor(web)
    with line_is(stack.keys_line, mode):
        warm = [stack.ask(web, name) for name in ENDPOINTS]
    assert [answer for answer in warm if answer.status != 200] == []
