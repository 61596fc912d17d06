"""The modes of the proxy for fault tests."""

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
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    proxy = Proxy(f"127.0.0.1:{redis_server.port}")
    yield proxy
    proxy.close()


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Redis]:
    client = Redis(port=proxy.port, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))
    client.set("name", "Ama")
    yield client
    client.close()


def test_the_proxy_forwards_data_and_counts_connections(proxy: Proxy, client: Redis) -> None:
    client.set("large", b"x" * 1_000_000)
    assert client.get("large") == b"x" * 1_000_000
    assert proxy.connection_count == 1


def test_the_proxy_delays_replies(proxy: Proxy, client: Redis) -> None:
    proxy.switch("delay", 0.1)
    started_at = time.monotonic()
    assert client.get("name") == b"Ama"
    assert 0.1 <= time.monotonic() - started_at < 0.3


def test_the_proxy_trickles_replies(proxy: Proxy, client: Redis) -> None:
    proxy.switch("trickle", 0.02)
    started_at = time.monotonic()
    assert client.get("name") == b"Ama"  # one byte arrives within the client's timeout, nine bytes do not
    assert time.monotonic() - started_at >= 0.16


def test_the_proxy_hangs_and_continues(proxy: Proxy, client: Redis) -> None:
    proxy.switch("hang")
    with pytest.raises(RedisTimeoutError):
        client.get("name")
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=1) as new_client:
        new_client.sendall(b"PING\r\n")
        new_client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            new_client.recv(10)
        proxy.switch("pass")
        new_client.settimeout(1)
        assert new_client.recv(10) == b"+PONG\r\n"
    assert client.get("name") == b"Ama"


def test_the_proxy_resets_old_and_new_connections(proxy: Proxy, client: Redis) -> None:
    proxy.switch("reset")
    for _ in range(3):
        with pytest.raises(RedisConnectionError):
            client.get("name")
    proxy.switch("pass")
    assert client.get("name") == b"Ama"


def test_the_proxy_refuses_connections_and_accepts_them_again_on_its_port(
    proxy: Proxy, client: Redis
) -> None:
    proxy.switch("refuse")
    client.connection_pool.disconnect()
    with pytest.raises(RedisConnectionError, match="refused"):
        client.get("name")
    proxy.switch("pass")
    assert client.get("name") == b"Ama"
