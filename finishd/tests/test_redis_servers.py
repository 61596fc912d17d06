"""Redis servers that Finishd refuses: old ones, and those whose certificate is not valid."""

from pathlib import Path

import pytest
from redis import Redis

from finishd.run import steps
from finishd.run.embedded_redis import RedisServer
from finishd.run.errors import StartupError
from finishd.testing.commands import production, run_python
from finishd.testing.old_redis import old_redis
from finishd.testing.tls import tls_server

# Prints a line for each of the clients: of requests, and of the broker.
CONNECT = """
import django
django.setup()
from core.redis.client import cache_redis, state_redis
from finishd.celery import app
clients = {
    "state": lambda: state_redis().ping(),
    "cache": lambda: cache_redis().ping(),
    "broker": lambda: app.connection_for_write().ensure_connection(max_retries=1),
}
for name, connect in clients.items():
    try:
        connect()
        print(name, "connected")
    except Exception as error:
        print(name, "refused" if "CERTIFICATE_VERIFY_FAILED" in str(error) else repr(error))
"""
READINESS = """
import django
django.setup()
from django.test import Client
headers = {"host": "api.finishd.example", "authorization": "Bearer a-token-for-monitoring"}
response = Client().get("/health/ready", secure=True, headers=headers)
print(response.status_code, *(response.json()["parts"][part]["status"] for part in ("redis", "cache")))
"""


class TestTls:
    """A rediss:// URL verifies the certificate, unless the URL says otherwise."""

    def test_a_certificate_of_an_unknown_ca_is_refused(
        self, tmp_path: Path, redis_server: RedisServer
    ) -> None:
        with tls_server(target_port=redis_server.port, directory=tmp_path) as (port, _):
            assert connect(tmp_path, f"rediss://127.0.0.1:{port}/0") == ["refused"] * 3

    def test_a_certificate_of_a_named_ca_is_accepted(self, tmp_path: Path, redis_server: RedisServer) -> None:
        with tls_server(target_port=redis_server.port, directory=tmp_path) as (port, ca):
            assert connect(tmp_path, f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}") == ["connected"] * 3

    def test_a_certificate_of_another_host_is_refused(
        self, tmp_path: Path, redis_server: RedisServer
    ) -> None:
        other = tls_server(target_port=redis_server.port, directory=tmp_path, address="192.0.2.1")
        with other as (port, ca):
            assert connect(tmp_path, f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={ca}") == ["refused"] * 3


class TestOldRedis:
    def test_make_run_refuses_it(self) -> None:
        with (
            old_redis() as url,
            pytest.raises(StartupError, match=r"REDIS_URL is Redis 6\.2\.14\. .* 7\.0 or"),
        ):
            steps.check_redis(url)

    def test_a_worker_ends_with_one_sentence(self, tmp_path: Path) -> None:
        command = ["-m", "celery", "--quiet", "-A", "finishd", "worker", "--queues", "events"]
        with old_redis() as url:
            done = run_python(*command, environment=production(tmp_path, REDIS_URL=url))
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            "finishd: The server at REDIS_URL is Redis 6.2.14. Finishd needs Redis 7.0 or newer."
        )

    def test_a_web_process_is_not_ready(self, tmp_path: Path) -> None:
        with old_redis() as url:
            assert get_readiness(tmp_path, url) == "503 too_old too_old"

    def test_the_servers_of_tests_and_make_run_are_new_enough(self, redis_server: RedisServer) -> None:
        steps.check_redis(redis_server.url)
        with Redis(port=redis_server.port) as client:
            assert client.info("server")["redis_version"]


def test_by_default_production_requires_an_append_only_file(
    tmp_path: Path, redis_server: RedisServer
) -> None:
    assert get_readiness(tmp_path, redis_server.url) == "503 not_persistent ok"


def get_readiness(data: Path, url: str) -> str:
    """Return the status of readiness, of REDIS_URL and of CACHE_URL, in a production process with this URL."""
    environment = production(
        data,
        DJANGO_SETTINGS_MODULE="finishd.settings",
        REDIS_URL=url,
        DATABASE_URL="sqlite://:memory:",
        METRICS_TOKEN="a-token-for-monitoring",
        REDIS_TIMEOUT="5",
    )
    done = run_python("-c", READINESS, environment=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def connect(data: Path, url: str) -> list[str]:
    """Return what happened to the clients of a process with this URL."""
    names = {"DJANGO_SETTINGS_MODULE": "finishd.settings", "REDIS_URL": url, "REDIS_TIMEOUT": "5"}
    done = run_python("-c", CONNECT, environment=production(data, **names))
    lines = done.stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["state", "cache", "broker"], done.stderr
    return [line.partition(" ")[2] for line in lines]
