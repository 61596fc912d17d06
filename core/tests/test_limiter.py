"""The limiter of requests: limits, retry times, expiry and cost in round trips."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.redis.client import count_round_trips, state_redis
from core.throttling import keys, limiter
from core.throttling.rates import MICROSECONDS, Limits, Rate

HOUR = 3600


def count(limits: Limits, user: str | None = "ama", address: str = "192.0.2.1") -> limiter.LimitResult:
    return limiter.count_request(
        limits,
        user=user and keys.THROTTLE_VIEWER.name(viewer=user, scope=limits.scope),
        address=keys.THROTTLE_ADDRESS.name(address=address, scope=limits.scope),
    )


def test_concurrent_requests_never_exceed_a_limit() -> None:
    limits = Limits("feed", user=Rate(20, HOUR))
    with ThreadPoolExecutor(32) as pool:
        waits = [result.retry_after for result in pool.map(lambda _: count(limits), range(160))]
    assert waits.count(0) == 20


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_limit_that_does_not_divide_its_period_is_exact(limit: int) -> None:
    limits = Limits("feed", user=Rate(limit, HOUR))
    assert all(count(limits).retry_after == 0 for _ in range(limit))
    assert 0 < count(limits).retry_after <= HOUR / limit


def test_a_request_is_allowed_after_the_returned_time() -> None:
    limits = Limits("feed", user=Rate(4, 1))
    while (wait := count(limits).retry_after) == 0:
        pass
    assert wait <= 0.25
    allowed_at = time.monotonic() + wait
    requested_at = time.monotonic()
    while count(limits).retry_after:
        assert requested_at < allowed_at
        requested_at = time.monotonic()


def test_a_rejected_request_does_not_extend_the_wait() -> None:
    limits = Limits("feed", user=Rate(1, HOUR))
    count(limits)
    first = count(limits).retry_after
    assert max(count(limits).retry_after for _ in range(50)) <= first


def test_a_bucket_expires_when_it_is_full() -> None:
    count(Limits("feed", user=Rate(60, HOUR), address=Rate(3600, HOUR)))
    left = [state_redis().pttl(name) for name in sorted(state_redis().keys("throttle*"))]
    assert left == pytest.approx([1_000, 60_000], rel=0.2)  # of the address, of the user


class TestAfterTheClockWentBack:
    """A replica whose clock is 10 s behind was promoted: buckets are full later than they can be."""

    LIMITS = Limits("feed", user=Rate(4, 2), address=Rate(60, HOUR))

    def set_full_at(self, seconds: float) -> None:
        """Store that both buckets are full in `seconds`, by the server's clock."""
        now, microseconds = state_redis().time()
        count(self.LIMITS)
        for name in state_redis().keys("throttle*"):
            state_redis().set(name, (now + int(seconds)) * MICROSECONDS + microseconds, ex=int(seconds))

    def test_a_request_waits_for_the_time_of_one_request(self) -> None:
        self.set_full_at(HOUR + 10)
        assert 59 < count(self.LIMITS).retry_after <= 60
        users_only = Limits("feed", user=self.LIMITS.user)
        assert 0 < count(users_only).retry_after <= 0.5

    def test_the_next_request_is_allowed_after_that_time(self) -> None:
        self.set_full_at(HOUR + 10)
        users_only = Limits("feed", user=self.LIMITS.user)
        wait = count(users_only).retry_after
        deadline = time.monotonic() + wait
        while count(users_only).retry_after:
            assert time.monotonic() < deadline + 1, "the bucket was clamped again"

    def test_the_bucket_expires_when_it_is_full(self) -> None:
        self.set_full_at(HOUR + 10)
        count(self.LIMITS)
        left = [state_redis().pttl(name) for name in sorted(state_redis().keys("throttle*"))]
        assert left == [pytest.approx(HOUR * 1000, rel=0.1), pytest.approx(2000, rel=0.5)]

    def test_a_time_within_the_burst_is_kept(self) -> None:
        self.set_full_at(1)
        assert count(self.LIMITS).retry_after == 0


def test_user_and_address_cost_one_round_trip_together() -> None:
    limits = Limits("feed", user=Rate(9, HOUR), address=Rate(9, HOUR))
    count(limits)
    with count_round_trips() as round_trips:
        count(limits)
    assert round_trips == ["pipeline of 2"]


def test_without_limits_there_is_no_round_trip() -> None:
    with count_round_trips() as round_trips:
        assert count(Limits("feed")) == limiter.LimitResult(0, "")
        assert count(Limits("denied", user=Rate(1, HOUR)), user=None) == limiter.LimitResult(0, "")
    assert round_trips == []


def test_requests_are_counted_by_a_server_that_lost_the_script() -> None:
    limits = Limits("feed", user=Rate(3, HOUR), address=Rate(9, HOUR))
    states = []
    for _ in range(3):
        state_redis().script_flush()
        states.append(count(limits).rate_limit_header)
    assert [re.findall(r"r=(\d+)", state) for state in states] == [["2", "8"], ["1", "7"], ["0", "6"]]
