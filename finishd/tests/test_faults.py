"""The fault matrix: each dependency down, hanging, slow or full, and the responses of every endpoint.

Each entry of FAULTS is a fault with its effects. All other endpoints respond with 200, and all other feeds are
complete. CI runs a third of them with loose time limits. `make gauntlet` runs all faults against the deadlines
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
from finishd.health.report import REPORT_SECONDS
from finishd.testing.postgres import NoPostgres
from finishd.testing.processes import Web
from finishd.testing.proxy import Mode
from finishd.testing.services import service_missing
from finishd.tests import faults
from finishd.tests.fault_endpoints import ENDPOINTS, EndpointResponse
from finishd.tests.fault_interruptions import INTERRUPTIONS
from finishd.tests.fault_table import (
    FAULTS,
    GRACE_SECONDS,
    MAX_LOG_LINES,
    OPEN_SECONDS,
    RECONNECT_SECONDS,
    Fault,
    proxy_mode,
)
from finishd.tests.faults import Stack

ALL_FAULTS: Final = [*FAULTS, *INTERRUPTIONS]
RECOVERY_SECONDS: Final = 30.0  # until all endpoints work again; afterwards the test fails
CI_RESPONSE_SECONDS: Final = 2.0  # for a response on a busy machine
CI_RECOVERY_SECONDS: Final = 10.0  # for the recovery on a busy machine


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
class FaultEffects:
    """The effects of a fault: responses in order, seconds until recovery, and log lines."""

    responses: list[EndpointResponse]
    recovery: float
    log: list[str]

    def get_by_endpoint(self, endpoint: str) -> list[EndpointResponse]:
        return [response for response in self.responses if response.endpoint == endpoint]

    @property
    def report(self) -> str:
        measured = [response for response in self.responses if response.endpoint != "ready"]
        errors = sum(response.status != 200 for response in measured) / len(measured)
        times = statistics.quantiles((response.seconds for response in measured), n=100, method="inclusive")
        return (
            f"{len(measured)} requests, {errors:.0%} 503, p50 {times[49] * 1e3:.0f} ms, p99 {times[98] * 1e3:.0f} ms, "
            f"longest {max(response.seconds for response in measured) * 1e3:.0f} ms, recovery {self.recovery:.1f} s, "
            f"{len(self.log)} log lines"
        )


def run_fault(stack: Stack, fault: Fault, *, rounds: int) -> FaultEffects:
    web = fault.web(stack)
    wait_until_recovered(stack, web)
    stack.store_cursor(web)
    since = len(stack.output)
    with fault.begin(stack):
        time.sleep(REPORT_SECONDS)  # until readiness does not report the time before the fault
        responses = [stack.send(web, name) for _ in range(rounds) for name in ENDPOINTS]
        log = stack.get_log_lines(since)
    ended = time.monotonic()
    wait_until_recovered(stack, web)
    return FaultEffects(responses, time.monotonic() - ended, log)


def wait_until_recovered(stack: Stack, web: Web, *, except_for: tuple[str, ...] = ()) -> None:
    """Send requests until every endpoint responds with 200 and feeds are complete."""
    deadline = time.monotonic() + RECOVERY_SECONDS
    for name in [name for name in ENDPOINTS if name not in except_for]:
        while not is_recovered(response := stack.send(web, name)):
            assert time.monotonic() < deadline, response
            time.sleep(0.05)


def is_recovered(response: EndpointResponse) -> bool:
    """Return whether the response is 200 and complete. Only a next page may lack parts."""
    return response.status == 200 and (not response.degraded or response.endpoint == "next page")


def is_unexpected(fault: Fault, response: EndpointResponse) -> bool:
    """Return whether the response differs from the table."""
    usual = {503} if response.endpoint in fault.unavailable else {200}
    expected = {200, 503} if response.endpoint in fault.sometimes_unavailable else usual
    may_lack = fault.degraded.get(response.endpoint, set())
    return response.status not in expected or not response.degraded <= may_lack


def is_documented(response: EndpointResponse, code: str = "unavailable") -> bool:
    """Return whether the response is 200, or a 503 with the error format and `Retry-After` (except readiness)."""
    if response.status == 200 or (response.endpoint == "ready" and response.status == 503):
        return True
    shape = {"error": True, "statusCode": 503, "code": code}
    return shape.items() <= response.body.items() and int(response.retry_after or 0) in range(1, 6)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [f for f in ALL_FAULTS if f.quick], ids=lambda fault: fault.name)
def test_a_fault_has_the_effects_in_the_table(stack: Stack, fault: Fault) -> None:
    effects = run_fault(stack, fault, rounds=3)
    assert [response for response in effects.responses if not is_documented(response)] == []
    assert [response for response in effects.responses if response.seconds > CI_RESPONSE_SECONDS] == []
    # On a busy machine, a response may be a 503 because of its deadline, but not every one.
    for name in ENDPOINTS:
        assert not all(is_unexpected(fault, response) for response in effects.get_by_endpoint(name)), name
    assert not [line for line in effects.log if "Traceback" in line]
    assert effects.recovery < CI_RECOVERY_SECONDS


@pytest.mark.gauntlet
@pytest.mark.parametrize("fault", ALL_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_the_effects_in_the_table_within_the_deadlines(stack: Stack, fault: Fault) -> None:
    assert stack.worker_and_beat
    effects = run_fault(stack, fault, rounds=8)
    print(f"{fault.name}: {effects.report}", *effects.log, sep="\n")
    assert [response for response in effects.responses if not is_documented(response)] == []
    assert [a for a in effects.responses if a.seconds > ENDPOINTS[a.endpoint].deadline + GRACE_SECONDS] == []
    assert [response for response in effects.responses if is_unexpected(fault, response)] == []
    assert not [line for line in effects.log if "Traceback" in line]
    assert len(effects.log) <= MAX_LOG_LINES, "\n".join(effects.log)
    assert effects.recovery < OPEN_SECONDS + RECONNECT_SECONDS


@pytest.mark.gauntlet
@pytest.mark.parametrize("mode", ["refuse", "hang"])
def test_without_the_key_endpoint_only_a_process_without_keys_rejects_tokens(
    stack: Stack, mode: Mode
) -> None:
    assert stack.web
    with stack.redis_client() as client, proxy_mode(stack.keys_proxy, mode):
        client.delete(keys.AUTH_KEYS.name(project=settings.FIREBASE_PROJECT_ID))
        web = stack.start_web_without_keys()
        responses = [stack.send(web, name) for _ in range(8) for name in ENDPOINTS if name != "next page"]
    ended = time.monotonic()
    wait_until_recovered(stack, web, except_for=("next page",))
    cold = FaultEffects(responses, time.monotonic() - ended, [])
    print(f"no keys, endpoint {mode}: {cold.report}")
    assert [response for response in responses if not is_documented(response, "auth_unavailable")] == []
    assert {a.endpoint for a in responses if a.status == 200} == {"live", "ready", "admin"}
    assert [a for a in responses if a.seconds > ENDPOINTS[a.endpoint].deadline + GRACE_SECONDS] == []
    assert cold.recovery < OPEN_SECONDS + RECONNECT_SECONDS

    stack.store_cursor(web)
    with proxy_mode(stack.keys_proxy, mode):
        warm = [stack.send(web, name) for name in ENDPOINTS]
    assert [response for response in warm if response.status != 200] == []
