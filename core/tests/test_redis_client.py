"""The Redis client: timeouts, the circuit breaker, and counted round trips."""

import threading
import time
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from core.circuit import CircuitOpen
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import count_round_trips, state_redis
from finishd.run.embedded_redis import RedisServer


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis server to break. Afterwards this process's circuit breaker is closed again, for the next test."""
    yield redis_server
    redis_server.resume()
    redis_server.start()
    deadline = time.monotonic() + 10
    while not is_available():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_available() -> bool:
    try:
        return bool(state_redis().ping())
    except REDIS_UNAVAILABLE:
        return False


def send_pipeline() -> None:
    pipe = state_redis().pipeline()
    pipe.get("anything")
    pipe.execute()


def test_calls_to_a_hanging_server_time_out_until_the_circuit_breaker_opens(server: RedisServer) -> None:
    server.pause()
    for _ in range(5):
        began = time.monotonic()
        with pytest.raises(RedisTimeoutError):
            state_redis().get("anything")
        assert time.monotonic() - began < 0.15 + 0.5
    began = time.monotonic()
    with pytest.raises(CircuitOpen):
        state_redis().get("anything")
    with pytest.raises(CircuitOpen):
        send_pipeline()
    assert time.monotonic() - began < 0.15  # both together
    server.resume()
    time.sleep(2)
    assert state_redis().get("anything") is None


def test_a_command_is_never_sent_again_without_notice(server: RedisServer) -> None:
    state_redis().ping()
    server.pause()
    with pytest.raises(RedisTimeoutError):
        state_redis().incr("counted")
    server.resume()
    assert int(state_redis().incr("counted")) == 2  # the command that timed out, and this one


def test_calls_to_a_stopped_server_fail_at_once_and_succeed_after_its_restart(server: RedisServer) -> None:
    state_redis().set("key", "value")
    server.stop()
    with pytest.raises(RedisConnectionError):  # not a timeout
        state_redis().get("key")
    server.start()
    assert state_redis().get("key") is None


def test_an_error_reply_is_not_a_failure(server: RedisServer) -> None:
    state_redis().set("key", "value")
    for _ in range(10):
        with pytest.raises(ResponseError):
            state_redis().lpush("key", 1)
    assert state_redis().get("key") == b"value"


def test_an_empty_pipeline_makes_no_round_trip(server: RedisServer) -> None:
    server.stop()
    with count_round_trips() as trips:
        assert state_redis().pipeline().execute() == []
    assert trips == []


def test_round_trips_are_counted_by_thread() -> None:
    with count_round_trips() as trips:
        state_redis().set("a", 1)
        pipe = state_redis().pipeline()
        pipe.get("a")
        pipe.get("b")
        pipe.execute()
        other = threading.Thread(target=lambda: state_redis().get("a"))
        other.start()
        other.join()
    state_redis().get("a")
    assert trips == ["SET", "pipeline of 2"]
