"""The report of readiness, with the real servers of the tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis

from core.redis import client as redis_client
from core.redis.client import state_redis
from core.tests.redis_faults import connect
from finishd.health import report
from finishd.run.embedded_redis import RedisServer

GetPart = Callable[[str], Any]


@pytest.fixture
def get_part() -> GetPart:
    """Return a function that makes a new report and returns the details of a part."""

    def get_part(name: str) -> Any:
        report.clear()
        return report.get_report().parts[name]

    return get_part


@pytest.fixture
def server(redis_server: RedisServer) -> Iterator[Redis]:
    """A client that makes the state server fail."""
    client = connect(redis_server.url)
    yield client
    client.close()
    redis_client._circuit_breakers.clear()
    state_redis().connection_pool.disconnect()
