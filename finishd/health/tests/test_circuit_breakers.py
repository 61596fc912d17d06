"""Readiness tells what works now, also while circuit breakers are open."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.db import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError

from core.circuit import CircuitBreaker, CircuitOpen, get_circuit_breakers
from core.redis.client import state_redis
from core.sql import circuit_breaker
from finishd.health import report
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

REDIS_PARTS = ("redis", "cache", "broker", "deliveries", "events", "clock")


def get_statuses() -> dict[str, str]:
    report.clear()
    return {name: part["status"] for name, part in report.get_report().parts.items()}


@pytest.fixture
def redis_breaker(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    """The circuit breaker of a real server that requests found to be dead."""
    state_redis().ping()
    breaker = get_circuit_breakers()["redis"]
    monkeypatch.setattr(breaker, "_open_seconds", 600.0)
    redis_server.stop()
    while breaker.state == "closed":
        with pytest.raises(RedisConnectionError):
            state_redis().ping()
    return breaker


class TestRedis:
    def test_a_server_that_is_back_is_ready_at_once(
        self, redis_breaker: CircuitBreaker, redis_server: RedisServer
    ) -> None:
        with pytest.raises(CircuitOpen):
            state_redis().ping()
        redis_server.start()
        statuses = get_statuses()
        assert {name: statuses[name] for name in REDIS_PARTS} == dict.fromkeys(REDIS_PARTS, "ok")
        assert redis_breaker.state == "closed"
        state_redis().ping()

    def test_all_checks_pass_while_a_request_is_the_probe(
        self, redis_breaker: CircuitBreaker, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        redis_server.start()
        monkeypatch.setattr(redis_breaker, "_open_until", 0.0)
        assert redis_breaker.state == "half-open"
        with redis_breaker.protect():
            statuses = get_statuses()
        assert {name: statuses[name] for name in REDIS_PARTS} == dict.fromkeys(REDIS_PARTS, "ok")

    @pytest.mark.usefixtures("redis_breaker")
    def test_the_reason_is_the_error_of_the_server(self) -> None:
        report.clear()
        assert "ConnectionError" in report.get_report().problems["redis"]

    def test_a_failed_check_does_not_delay_the_probe_of_a_request(
        self, redis_breaker: CircuitBreaker
    ) -> None:
        before = redis_breaker._open_until
        assert get_statuses()["redis"] == "unreachable"
        assert redis_breaker._open_until == before


def test_failed_checks_open_no_circuit_breaker(redis_server: RedisServer) -> None:
    state_redis().ping()
    redis_server.stop()
    for _ in range(3):
        assert get_statuses()["redis"] == "unreachable"
    assert get_circuit_breakers()["redis"].state == "closed"


@pytest.fixture
def sql_breaker(monkeypatch: pytest.MonkeyPatch) -> Iterator[CircuitBreaker]:
    breaker = circuit_breaker._breaker
    monkeypatch.setattr(breaker, "_open_seconds", 600.0)
    while breaker.state == "closed":
        with suppress(OperationalError), breaker.protect():
            raise OperationalError("gone")
    yield breaker
    breaker._open_until = None


def test_sql_that_is_back_is_ready_at_once(sql_breaker: CircuitBreaker) -> None:
    assert sql_breaker.retry_after > 0
    assert get_statuses()["sql"] == "ok"
    assert sql_breaker.state == "closed"
