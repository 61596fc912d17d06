"""The circuit breaker."""

import logging
import threading
import time
from contextlib import AbstractContextManager

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from core import circuit
from core.circuit import CircuitBreaker, CircuitOpen


class Down(Exception):
    """An exception that counts as a failure."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_breaker(clock: Clock, *, failure_threshold: int = 3) -> CircuitBreaker:
    return CircuitBreaker(
        "part", failure_types=(Down,), failure_threshold=failure_threshold, open_seconds=2.0, clock=clock
    )


def fail(breaker: CircuitBreaker) -> None:
    with pytest.raises(Down), breaker.protect():
        raise Down


def succeed(breaker: CircuitBreaker) -> None:
    with breaker.protect():
        pass


class CircuitBreakerMachine(RuleBasedStateMachine):
    """Calls begin and end in any order, slow ones among them, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = make_breaker(self.clock)
        self.running: list[AbstractContextManager[None]] = []
        self.probe: AbstractContextManager[None] | None = None

    @rule()
    def begin(self) -> None:
        before = self.breaker.state
        call = self.breaker.protect()
        if before == "open" or self.probe:
            with pytest.raises(CircuitOpen) as refused:
                call.__enter__()
            assert 0 <= refused.value.retry_after <= 2.0
            return
        call.__enter__()
        self.running.append(call)
        if before == "half-open":
            self.probe = call

    @precondition(lambda self: self.running)
    @rule(data=st.data(), fails=st.booleans())
    def end(self, data: st.DataObject, fails: bool) -> None:
        call = data.draw(st.sampled_from(self.running))
        before = self.breaker.state
        self.running.remove(call)
        if fails:
            assert not call.__exit__(Down, Down(), None)  # the exception propagates
        else:
            call.__exit__(None, None, None)
        if call is self.probe:
            self.probe = None
            assert self.breaker.state == ("open" if fails else "closed")
        elif before != "closed":
            assert self.breaker.state == before, "only the probe decides"

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def teardown(self) -> None:
        """After any history, one successful probe closes the circuit breaker."""
        for call in self.running:
            call.__exit__(None, None, None)
        self.clock.now += 2.0
        succeed(self.breaker)
        assert self.breaker.state == "closed"


TestAnyHistory = CircuitBreakerMachine.TestCase


class TestStates:
    def test_it_opens_after_failures_in_a_row_and_then_fails_at_once(self) -> None:
        clock = Clock()
        breaker = make_breaker(clock)
        fail(breaker)
        fail(breaker)
        succeed(breaker)  # a success starts the count again
        for _ in range(3):
            assert breaker.state == "closed"
            fail(breaker)
        assert breaker.state == "open"
        clock.now = 0.5
        with pytest.raises(CircuitOpen) as refused, breaker.protect():
            pytest.fail("the call was made")
        assert refused.value.retry_after == 1.5
        assert str(refused.value) == "circuit breaker open: part; retry in 1.5 s"

    def test_a_failed_probe_opens_it_again_and_a_successful_one_closes_it(self) -> None:
        clock = Clock()
        breaker = make_breaker(clock)
        for _ in range(3):
            fail(breaker)
        states = [breaker.state]
        clock.now = 2.0
        states.append(breaker.state)
        fail(breaker)
        states.append(breaker.state)
        clock.now = 4.0
        succeed(breaker)
        assert [*states, breaker.state] == ["open", "half-open", "open", "closed"]

    def test_another_exception_is_not_a_failure(self) -> None:
        breaker = make_breaker(Clock())
        for _ in range(10):
            fail(breaker)
            with pytest.raises(ValueError, match="no"), breaker.protect():
                raise ValueError("no")
        assert breaker.state == "closed"

    def test_is_failure_can_exclude_an_exception(self) -> None:
        breaker = CircuitBreaker(
            "part",
            failure_types=(Down,),
            is_failure=lambda reason: "busy" not in str(reason),
            failure_threshold=1,
        )
        with pytest.raises(Down), breaker.protect():
            raise Down("busy")
        assert breaker.state == "closed"


class TestReports:
    def test_listeners_get_each_change_and_openings_are_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        heard: list[tuple[str, str]] = []
        monkeypatch.setattr(circuit, "_listeners", [])
        circuit.add_state_listener(lambda breaker, state: heard.append((breaker.name, state)))
        clock = Clock()
        breaker = make_breaker(clock, failure_threshold=1)
        for _ in range(2):
            fail(breaker)
            clock.now += 2.0
        succeed(breaker)
        assert [state for _, state in heard] == ["open", "half-open", "open", "half-open", "closed"]
        assert {name for name, _ in heard} == {"part"}
        assert breaker.times_opened == 1, "one outage, with two probes"

    def test_registered_circuit_breakers_are_listed_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(circuit, "_registered", {})
        first, second = (
            circuit.register_circuit_breaker(CircuitBreaker(name, failure_types=(Down,)))
            for name in ("sql", "broker")
        )
        assert list(circuit.get_circuit_breakers().items()) == [("broker", second), ("sql", first)]
        newer = circuit.register_circuit_breaker(CircuitBreaker("sql", failure_types=(Down,)))
        assert circuit.get_circuit_breakers()["sql"] is newer

    def test_all_dependencies_declare_themselves_before_the_first_call(self) -> None:
        assert circuit.get_dependencies() == ["auth-keys", "broker", "cache", "redis", "sql", "store"]

    def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = Clock()
        breaker = make_breaker(clock)
        for _ in range(20):
            fail(breaker)
            clock.now += 0.5
            if breaker.state == "open":
                clock.now += 2.0
        succeed(breaker)
        assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
            (logging.WARNING, "circuit breaker opened: part (Down: )"),
            (logging.WARNING, "circuit breaker closed: part"),
        ]


class TestThreads:
    def test_a_slow_call_does_not_delay_others(self) -> None:
        breaker = CircuitBreaker("part", failure_types=(Down,))
        inside, leave = threading.Event(), threading.Event()

        def slow() -> None:
            with breaker.protect():
                inside.set()
                leave.wait(10)

        thread = threading.Thread(target=slow)
        thread.start()
        try:
            assert inside.wait(10)
            began = time.monotonic()
            for _ in range(100):
                fail(breaker)
                succeed(breaker)
            assert time.monotonic() - began < 1
        finally:
            leave.set()
            thread.join()

    def test_of_concurrent_threads_only_one_probes(self) -> None:
        clock = Clock()
        breaker = make_breaker(clock, failure_threshold=1)
        fail(breaker)
        clock.now = 2.0
        start, made = threading.Barrier(16), []

        def call() -> None:
            start.wait(10)
            try:
                with breaker.protect():
                    made.append(1)
                    time.sleep(0.2)
            except CircuitOpen:
                pass

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made == [1]
        assert breaker.state == "closed"
