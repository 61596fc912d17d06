"""The pauses of a consumer whose broker rejects commands, and what is logged of an outage."""

import logging
import sys
from typing import Any

import pytest
from celery import current_app
from celery.exceptions import WorkerShutdown
from celery.worker import state
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, ResponseError

from core.broker import consumer, log_filter, transport
from core.broker.consumer import Consumer


class StoppedTime:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StoppedTime:
    clock = StoppedTime()
    monkeypatch.setattr(consumer, "time", clock)
    monkeypatch.setattr(CeleryConsumer, "on_connection_error_after_connected", lambda *_: None)
    return clock


def reject(rejected: Consumer, clock: StoppedTime, error: Exception) -> float:
    """Return how long a consumer waits before it connects again."""
    before = clock.now
    rejected.on_connection_error_after_connected(error)
    return clock.now - before


def make_consumer() -> Consumer:
    return Consumer.__new__(Consumer)


def test_a_consumer_waits_longer_after_each_rejection_up_to_a_limit(clock: StoppedTime) -> None:
    rejected = make_consumer()
    waits = [reject(rejected, clock, ReadOnlyError("READONLY")) for _ in range(7)]
    assert waits == pytest.approx([0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0], abs=0.2)


def test_a_quiet_period_ends_the_doubling(clock: StoppedTime) -> None:
    rejected = make_consumer()
    for _ in range(4):
        reject(rejected, clock, ReadOnlyError("READONLY"))
    clock.now += 60
    assert reject(rejected, clock, ReadOnlyError("READONLY")) < 1.0


def test_a_lost_connection_is_left_to_celery(clock: StoppedTime) -> None:
    assert reject(make_consumer(), clock, RedisConnectionError("reset")) == 0.0


def test_a_shutdown_ends_the_wait(clock: StoppedTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_stop", 0)
    with pytest.raises(WorkerShutdown):
        reject(make_consumer(), clock, ReadOnlyError("READONLY"))
    assert clock.now == 0.0


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "rediss://127.0.0.1:1/0"])
def test_every_redis_url_uses_the_transport(url: str) -> None:
    assert Connection(url).transport_cls in transport.SCHEMES
    kind: Any = Connection(url).get_transport_cls()
    assert kind is transport.Transport


def test_workers_use_the_consumer() -> None:
    assert current_app.conf.worker_consumer == f"{Consumer.__module__}:{Consumer.__qualname__}"


def test_a_message_on_a_channel_that_was_closed_is_a_connection_error() -> None:
    with current_app.connection_for_write() as connection:
        channel: Any = connection.channel()
        channel.close()
        channel.connection, channel._pool = None, None  # as after the death of Redis
        with pytest.raises(connection.connection_errors, match="the channel was closed"):
            channel._put("default", {"body": ""})


@pytest.mark.parametrize(
    ("logger", "error", "is_reduced"),
    [
        ("celery.worker.consumer.consumer", RedisConnectionError("closed"), True),
        ("kombu.transport.redis", BrokerError("closed"), True),
        ("celery.app.trace", ResponseError("OOM no memory"), True),
        ("celery.worker.consumer.consumer", ValueError("a bug"), False),
        ("finishd.run", RedisConnectionError("closed"), False),
    ],
)
def test_only_an_outage_of_the_broker_is_logged_without_a_traceback(
    logger: str, error: Exception, is_reduced: bool
) -> None:
    try:
        raise error
    except type(error):
        raised = sys.exc_info()
    record = logging.LogRecord(logger, logging.WARNING, __file__, 1, "lost %s.\nRetrying...", ("it",), raised)
    assert log_filter.BrokerOutageFilter().filter(record)
    line = f"lost it. Retrying... ({type(error).__name__}: {error})"
    assert record.getMessage() == (line if is_reduced else "lost it.\nRetrying...")
    assert record.exc_info == (None if is_reduced else raised)
