"""The modes of the proxy that the fault tests use."""

import socket
import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from finishd.run.embedded_redis import RedisServer
from finishd.testing.proxy import Proxy


@pytest.fixture
def line(redis_server: RedisServer) -> Iterator[Proxy]:
    made = Proxy(f"127.0.0.1:{redis_server.port}")
    yield made
    made.close()


@pytest.fixture
def client(line: Proxy) -> Iterator[Redis]:
    made = Redis(port=line.port, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))
    made.set("name", "Ama")
    yield made
    made.close()


def test_it_forwards_data_and_counts_connections(line: Proxy, client: Redis) -> None:
    client.set("large", b"x" * 1_000_000)
    assert client.get("large") == b"x" * 1_000_000
    assert line.made == 1


def test_it_delays_replies(line: Proxy, client: Redis) -> None:
    line.switch("delay", 0.1)
    began = time.monotonic()
    assert client.get("name") == b"Ama"
    assert 0.1 <= time.monotonic() - began < 0.3


def test_it_trickles_replies(line: Proxy, client: Redis) -> None:
    line.switch("trickle", 0.02)
    began = time.monotonic()
    assert client.get("name") == b"Ama"  # one byte arrives within the client's timeout, nine bytes do not
    assert time.monotonic() - began >= 0.16


def test_it_hangs_and_continues(line: Proxy, client: Redis) -> None:
    line.switch("hang")
    with pytest.raises(RedisTimeoutError):
        client.get("name")
    with socket.create_connection(("127.0.0.1", line.port), timeout=1) as fresh:
        fresh.sendall(b"PING\r\n")
        fresh.settimeout(0.1)
        with pytest.raises(TimeoutError):
            fresh.recv(10)
        line.switch("pass")
        fresh.settimeout(1)
        assert fresh.recv(10) == b"+PONG\r\n"
    assert client.get("name") == b"Ama"


def test_it_resets_old_and_new_connections(line: Proxy, client: Redis) -> None:
    line.switch("reset")
    for _ in range(3):
        with pytest.raises(RedisConnectionError):
            client.get("name")
    line.switch("pass")
    assert client.get("name") == b"Ama"


def test_it_refuses_connections_and_accepts_them_again_on_its_port(line: Proxy, client: Redis) -> None:
    line.switch("refuse")
    client.connection_pool.disconnect()
    with pytest.raises(RedisConnectionError, match="refused"):
        client.get("name")
    line.switch("pass")
    assert client.get("name") == b"Ama"
