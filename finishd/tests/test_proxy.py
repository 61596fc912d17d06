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


class TestInterruptions:
    """After three bytes of the reply `$3\\r\\nAma\\r\\n`."""

    @pytest.fixture
    def phone(self, proxy: Proxy, client: Redis) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=2) as phone:
            yield phone

    def test_a_cut_reply_ends_the_connection(self, proxy: Proxy, phone: socket.socket) -> None:
        with proxy.interrupt("cut", 3) as interruption:
            phone.sendall(b"GET name\r\n")
            assert receive_all(phone) == b"$3\r"
        assert interruption.count == 1

    def test_a_reset_reply_is_an_error(self, proxy: Proxy, phone: socket.socket) -> None:
        with proxy.interrupt("reset", 3):
            phone.sendall(b"GET name\r\n")
            with pytest.raises(ConnectionResetError):
                receive_all(phone)

    def test_after_a_half_close_the_server_still_receives_requests(
        self, proxy: Proxy, phone: socket.socket, client: Redis
    ) -> None:
        with proxy.interrupt("half-close", 3, times=1):
            phone.sendall(b"GET name\r\n")
            assert receive_all(phone) == b"$3\r"
            phone.sendall(b"SET name Kofi\r\n")
            deadline = time.monotonic() + 5
            while client.get("name") != b"Kofi":
                assert time.monotonic() < deadline

    def test_after_a_half_close_towards_the_server_the_reply_is_complete(
        self, proxy: Proxy, phone: socket.socket
    ) -> None:
        with proxy.interrupt("half-close-server", 3):
            phone.sendall(b"GET name\r\n")
            assert receive_all(phone) == b"$3\r\nAma\r\n"

    def test_a_stalled_reply_continues_when_the_interruption_ends(
        self, proxy: Proxy, phone: socket.socket
    ) -> None:
        with proxy.interrupt("stall", 3):
            phone.sendall(b"GET name\r\n")
            assert phone.recv(100) == b"$3\r"
            phone.settimeout(0.1)
            with pytest.raises(TimeoutError):
                phone.recv(100)
        phone.settimeout(2)
        assert phone.recv(100) == b"\nAma\r\n"

    def test_a_marker_chooses_the_request_and_times_how_often(self, proxy: Proxy, client: Redis) -> None:
        with proxy.interrupt("cut", 3, marker=b"GET", times=1):
            client.set("other", "Mei")
            with pytest.raises(RedisConnectionError):
                client.get("name")
            assert client.get("name") == b"Ama"


def receive_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(100), b""))
