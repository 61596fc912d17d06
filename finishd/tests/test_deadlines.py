"""Deadlines of requests, and their enforcement by the clients of dependencies."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kombu.exceptions import OperationalError as BrokerError
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import MaxConnectionsError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from core import circuit as breakers
from core import deadlines
from core.circuit import CircuitBreaker
from core.deadlines import DeadlinePassed
from core.redis.client import DeadlineParser, GuardedRedis, state_redis
from feed.tests import world
from finishd import celery
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client, get_feed
from finishd.testing.proxy import Proxy


@pytest.fixture(autouse=True)
def _separate_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the circuit breakers of these tests apart from those of other tests."""
    monkeypatch.setattr(breakers, "_registered", dict(breakers.get_circuit_breakers()))


class TestDeadline:
    def test_by_default_there_is_no_deadline(self) -> None:
        deadlines.check()
        assert deadlines.remaining() == deadlines.remaining_optional() == float("inf")

    def test_an_inner_deadline_can_only_be_sooner(self) -> None:
        with deadlines.request_deadline(10):
            with deadlines.request_deadline(1):
                assert 0.9 < deadlines.remaining() <= 1
            with deadlines.request_deadline(100):
                assert 9 < deadlines.remaining() <= 10
        assert deadlines.remaining() == float("inf")

    def test_the_optional_budget_ends_before_the_deadline(self) -> None:
        with deadlines.request_deadline(10), deadlines.optional_budget(-1):
            assert deadlines.remaining_optional() > 9
            with deadlines.optional_part():
                assert deadlines.remaining_optional() < 0 < deadlines.remaining()
                deadlines.check()

    def test_threads_have_their_own_deadlines(self) -> None:
        with deadlines.request_deadline(1), ThreadPoolExecutor(1) as pool:
            assert pool.submit(deadlines.remaining).result() == float("inf")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestPage:
    def test_a_page_past_its_deadline_is_a_503_with_retry_after(self, settings: Any) -> None:
        settings.PAGE_DEADLINE = 0
        response = get_client("ama").get("/api/v1/feed")
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert response.headers["Retry-After"] == "1"

    def test_a_page_omits_late_parts_and_names_them(self, settings: Any) -> None:
        world.catalogue(60)
        world.build()
        world.befriend("ama", range(10, 30))
        settings.PAGE_BUDGET = 0
        page = get_feed("ama", limit=20)
        assert page["meta"]["degraded"] == ["friends", "history"]
        assert len(page["feed"]) == 20


class TestRedis:
    @pytest.fixture
    def proxy(self, redis_server: RedisServer) -> Iterator[Proxy]:
        proxy = Proxy(f"127.0.0.1:{redis_server.port}")
        yield proxy
        proxy.close()

    def client(self, proxy: Proxy, **options: Any) -> GuardedRedis:
        options |= {"socket_timeout": 0.15, "retry": Retry(NoBackoff(), 0), "parser_class": DeadlineParser}
        return GuardedRedis(connection_pool=ConnectionPool(port=proxy.port, **options))

    def test_a_trickling_reply_ends_at_the_deadline(self, proxy: Proxy) -> None:
        client = self.client(proxy)
        client.set("name", "x" * 1_000)
        proxy.switch("trickle", 0.01)
        started_at = time.monotonic()
        with deadlines.request_deadline(0.3), pytest.raises(RedisTimeoutError):
            client.get("name")
        assert 0.3 <= time.monotonic() - started_at < 0.3 + deadlines.GRACE_SECONDS + 0.3
        client.connection_pool.disconnect()

    def test_no_command_is_sent_after_the_deadline(self) -> None:
        with deadlines.request_deadline(-1):
            with pytest.raises(DeadlinePassed):
                state_redis().ping()
            with pytest.raises(DeadlinePassed):
                _execute_pipeline()

    def test_an_exhausted_pool_fails_at_once_and_does_not_count_as_an_outage(self, proxy: Proxy) -> None:
        client = self.client(proxy, max_connections=1)
        connection = client.connection_pool.get_connection()
        for _ in range(8):
            with pytest.raises(MaxConnectionsError):
                client.ping()
        client.connection_pool.release(connection)
        assert client.ping()
        client.connection_pool.disconnect()


def _execute_pipeline() -> None:
    pipe = state_redis().pipeline()
    pipe.get("name")
    pipe.execute()


class TestBroker:
    @pytest.fixture(autouse=True)
    def _separate_breaker(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            celery, "_breaker", CircuitBreaker("broker", failure_types=(BrokerError,), open_seconds=30)
        )

    def measure_failure(self) -> float:
        """Return the seconds until a request fails to send a message."""
        started_at = time.monotonic()
        with deadlines.request_deadline(5), pytest.raises(BrokerError):
            celery.app.send_task("activity.tasks.sweep_jobs")
        return time.monotonic() - started_at

    def test_a_message_is_sent_before_the_deadline(self, redis_server: RedisServer) -> None:
        with deadlines.request_deadline(5):
            celery.app.send_task("activity.tasks.sweep_jobs")
        assert state_redis().llen("sweeps") == 1

    @pytest.mark.parametrize("fault", ["stop", "pause"])
    def test_an_unavailable_broker_costs_one_timeout_and_then_nothing(
        self, redis_server: RedisServer, fault: str
    ) -> None:
        getattr(redis_server, fault)()
        assert max(self.measure_failure() for _ in range(5)) < 1
        assert min(self.measure_failure() for _ in range(3)) < 0.05
