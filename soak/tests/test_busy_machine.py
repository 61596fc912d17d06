"""Test that a busy machine makes a soak slower, but does not make it fail."""

import time
from collections.abc import Iterator

import pytest

from bench.processes import wait_for
from soak.draining import MAX_SECONDS, wait_while_shrinking
from soak.history import Stall
from soak.starvation import StarvationMonitor, get_waiting_share, read_times


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def drain(backlog: Iterator[int]) -> tuple[int, float]:
    """Return the last backlog and the time at which the wait ended."""
    clock = Clock()
    left = wait_while_shrinking(
        lambda: {"jobs": next(backlog)}, stuck=30.0, pause=1.0, clock=clock, sleep=clock.sleep
    )
    return left["jobs"], clock.now


def test_the_wait_goes_on_while_the_backlog_shrinks() -> None:
    slowly = (200 - second // 4 for second in range(2_000))
    assert drain(slowly) == (0, 800.0)


def test_the_wait_ends_when_the_backlog_stands_still() -> None:
    stuck = (max(100 - second, 7) for second in range(2_000))
    assert drain(stuck) == (7, 93.0 + 31.0)


def test_the_wait_has_a_limit() -> None:
    left, seconds = drain(100_000 - second for second in range(2_000))
    assert left > 0
    assert seconds == MAX_SECONDS + 1


def test_the_waiting_share_is_that_of_threads_that_could_run() -> None:
    before = {"a": (100, 0), "b": (50, 10)}
    assert get_waiting_share(before, {"a": (200, 100), "b": (50, 10)}) == 0.5
    assert get_waiting_share(before, {"a": (100, 0), "c": (10, 30)}) == 0.75
    assert get_waiting_share(before, before) == 0.0
    assert read_times([-1]) == {}


def test_a_process_that_waits_for_a_processor_is_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([{"a": (0, 0)}, {"a": (100, 0)}, {"a": (200, 300)}])
    last = {"a": (200, 300)}
    monkeypatch.setattr("soak.starvation.read_times", lambda _: next(times, last))
    monkeypatch.setattr("soak.starvation.SAMPLE_SECONDS", 0.02)
    stalls: list[Stall] = []
    monitor = StarvationMonitor(list, stalls)
    wait_for(lambda: bool(stalls), what="a stall", seconds=20)
    monitor.close()
    (stall,) = stalls
    assert stall.seconds == pytest.approx(0.75 * (stall.end - stall.start))
    assert stall.end <= time.monotonic()
