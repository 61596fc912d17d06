"""The table's error replies, from a real Redis server where it can be made to send them."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import pytest
from kombu.exceptions import OperationalError as BrokerError
from redis import Redis
from redis import exceptions as redis_errors

from core import outages
from core.circuit import CircuitOpen
from core.outages import REDIS_REPLIES, REDIS_UNAVAILABLE, Outage
from core.redis import client as redis_client
from core.redis.client import DeadlineParser, state_redis
from core.redis.reads import Read
from core.redis.script import Script
from core.tests.outage_checks import Action, act, check_bug, check_outage, raising
from core.tests.redis_faults import REDIS_FAULTS, connect
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.urls("core.tests.outage_checks")

SET_SCRIPT: Final = Script("return redis.call('SET', KEYS[1], ARGV[1])")
# Replies that are mistakes of ours.
REDIS_BUGS: Final = ("ERR syntax", "WRONGTYPE x", "EXECABORT x", "CROSSSLOT x", "MOVED 1 h:1")


class TestRedisReplies:
    @pytest.mark.parametrize("name", REDIS_REPLIES)
    def test_an_error_reply_of_the_table_is_a_503(self, name: str, caplog: pytest.LogCaptureFixture) -> None:
        error = DeadlineParser.parse_error(f"{name} The server says why.")
        check_outage(raising(error), REDIS_REPLIES[name].outage, caplog)
        assert type(error) is REDIS_REPLIES[name].error
        assert isinstance(error, REDIS_UNAVAILABLE)

    @pytest.mark.parametrize("reply", REDIS_BUGS)
    def test_another_error_reply_is_a_500(self, reply: str, caplog: pytest.LogCaptureFixture) -> None:
        error = DeadlineParser.parse_error(reply)
        check_bug(raising(error), caplog)
        assert not isinstance(error, REDIS_UNAVAILABLE)

    @pytest.mark.parametrize(
        ("error", "outage"),
        [
            (redis_errors.ConnectionError("reset"), outages.REDIS_GONE),
            (redis_errors.TimeoutError("late"), outages.REDIS_GONE),
            (redis_errors.InvalidResponse("no reply"), outages.REDIS_GONE),
            (redis_errors.MaxConnectionsError("pool"), outages.POOL_EXHAUSTED),
            (DeadlineParser.parse_error("ERR max number of clients reached"), outages.REDIS_GONE),
            (CircuitOpen("redis", 2.0), Outage(2.0)),
            (BrokerError("reset"), outages.BROKER_GONE),
            (redis_errors.ResponseError("BUSY Redis is busy"), outages.MOMENT),  # from the broker's client
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_an_error_of_a_connection_or_of_another_client_is_a_503(
        self, error: Exception, outage: Outage, caplog: pytest.LogCaptureFixture
    ) -> None:
        check_outage(raising(error), outage, caplog)
        assert outages.get_outage(error) == outage


def _set() -> None:
    state_redis().set("key", "value")


def _set_in_pipeline() -> None:
    pipe = state_redis().pipeline()
    pipe.set("key", "value")
    pipe.execute()


def _set_in_read() -> None:
    read: Read[Any] = Read(lambda pipe: pipe.set("key", "value"), lambda reply: reply)
    read.fetch(state_redis())


def _set_in_script() -> None:
    SET_SCRIPT.run(state_redis(), keys=["key"], args=["value"])


def _get() -> None:
    state_redis().get("key")


WRITES: Final[tuple[Action, ...]] = (_set, _set_in_pipeline, _set_in_read, _set_in_script)
READS: Final[tuple[Action, ...]] = (_get,)
REJECTED_READS: Final = ("MASTERDOWN", "BUSY", "NOAUTH")
# A replica without data rejects a write as READONLY.
REJECTIONS: Final = [
    *product(sorted(REDIS_FAULTS.keys() - {"MASTERDOWN"}), WRITES),
    *product(REJECTED_READS, READS),
]


class TestRealRedis:
    @pytest.fixture
    def server(self, redis_server: RedisServer) -> Iterator[Redis]:
        """A client of the server that is not ours."""
        client = connect(redis_server.url)
        yield client
        client.close()
        redis_client._circuit_breakers.clear()
        state_redis().connection_pool.disconnect()

    @pytest.mark.parametrize(("name", "action"), REJECTIONS)
    def test_a_server_that_rejects_commands_is_a_503_until_it_accepts_them(
        self, name: str, action: Action, server: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert act(action).status_code == 200  # the server has the script
        with REDIS_FAULTS[name](server):
            check_outage(action, REDIS_REPLIES[name].outage, caplog)
            with pytest.raises(REDIS_REPLIES[name].error):
                action()
        state_redis().connection_pool.disconnect()
        assert act(action).status_code == 200

    @pytest.mark.parametrize("name", REDIS_FAULTS)
    def test_only_a_server_that_rejects_connections_opens_the_circuit_breaker(
        self, name: str, server: Redis
    ) -> None:
        with REDIS_FAULTS[name](server):
            for _ in range(6):
                with pytest.raises(REDIS_UNAVAILABLE):
                    _get() if name in REJECTED_READS else _set()
        (breaker,) = redis_client._circuit_breakers.values()
        assert (breaker.state == "open") is REDIS_REPLIES[name].outage.is_failure

    @pytest.mark.parametrize("name", ["OOM", "NOREPLICAS", "READONLY", "MISCONF"])
    def test_a_server_that_rejects_writes_is_still_read(self, name: str, server: Redis) -> None:
        _set()
        with REDIS_FAULTS[name](server):
            assert state_redis().get("key") == b"value"
