"""Replies of the broker that end in the middle."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from kombu.exceptions import OperationalError as BrokerError
from kombu.pools import producers

from core import circuit as breakers
from core import deadlines
from core.circuit import CircuitBreaker
from core.redis.client import state_redis
from finishd import celery
from finishd.run.embedded_redis import RedisServer
from finishd.testing.interruptions import ACTIONS, Action
from finishd.testing.proxy import Proxy


@pytest.fixture
def proxy(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy through which requests send messages."""
    proxy = Proxy(f"127.0.0.1:{redis_server.port}")
    options = {"socket_timeout": 0.15, "socket_connect_timeout": 0.15, "max_retries": 0}
    connection = celery.app.connection_for_write(f"redis://{proxy.host}/0", transport_options=options)
    monkeypatch.setitem(vars(celery.app), "_request_producers", producers[connection])
    monkeypatch.setattr(breakers, "_registered", dict(breakers.get_circuit_breakers()))
    yield proxy
    proxy.close()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_message_is_sent_or_reported_as_unsent_and_the_next_one_is_sent(
    proxy: Proxy, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    for position in range(0, 40, 13 if action == "stall" else 1):
        monkeypatch.setattr(celery, "_breaker", CircuitBreaker("broker", failure_types=(BrokerError,)))
        state_redis().delete("delivery")
        sent = 0
        with proxy.interrupt(action, position, times=1):
            for _ in range(3):
                with suppress(BrokerError), deadlines.request_deadline(5):
                    celery.app.send_task("activity.tasks.deliver", queue="delivery")
                    sent += 1
        assert (
            1 <= sent <= state_redis().llen("delivery") <= 3
        )  # a lost reply may hide that a message was sent
