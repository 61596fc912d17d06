"""A Redis server that answers and rejects writes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from redis import Redis

from core.redis import client as redis_client
from core.redis.client import state_redis
from core.tests.redis_faults import REDIS_FAULTS, connect
from finishd.run.embedded_redis import RedisServer

Fault = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the server that is not ours."""
    client = connect(redis_server.url)
    yield client
    client.close()
    redis_client._circuit_breakers.clear()
    state_redis().connection_pool.disconnect()


@pytest.fixture(params=["OOM", "READONLY", "MISCONF", "NOREPLICAS"])
def rejecting(request: pytest.FixtureRequest, server: Redis) -> Fault:
    """Return a fault of the server that lasts for its block, in which it rejects writes."""
    return lambda: REDIS_FAULTS[request.param](server)
