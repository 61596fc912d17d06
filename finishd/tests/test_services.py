"""The servers of the tests. Each test process has its own servers, and they stop with pytest."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection

from finishd.run.embedded_redis import RedisServer, is_ready
from finishd.testing.services import service_missing


@pytest.fixture
def client(redis_server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.3, retry=None)


class TestRedis:
    def test_the_settings_name_the_server_of_this_process(self, redis_server: RedisServer) -> None:
        assert redis_server.url == settings.REDIS_URL == settings.CACHE_URL == settings.CELERY_BROKER_URL

    @pytest.mark.parametrize("turn", ["first", "second"])
    def test_every_test_starts_with_an_empty_server(self, client: redis.Redis, turn: str) -> None:
        assert client.dbsize() == 0
        client.set("key of the other test", turn)

    def test_a_stopped_server_refuses_and_restarts_empty_on_its_port(
        self, redis_server: RedisServer, client: redis.Redis
    ) -> None:
        client.set("key", "value")
        port = redis_server.port
        redis_server.stop()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        redis_server.start()
        assert redis_server.port == port
        assert client.dbsize() == 0

    def test_a_paused_server_does_not_reply_until_it_is_resumed(
        self, redis_server: RedisServer, client: redis.Redis
    ) -> None:
        client.set("key", "value")
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        redis_server.resume()
        assert client.get("key") == b"value"

    def test_a_full_server_rejects_writes_instead_of_evicting(self, client: redis.Redis) -> None:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


@pytest.mark.django_db
def test_several_processes_can_open_the_database() -> None:
    assert "memory" not in str(connection.settings_dict["NAME"])


@pytest.mark.parametrize(
    ("required", "outcome"), [("0", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_missing_service_skips_the_test_unless_services_are_required(
    monkeypatch: pytest.MonkeyPatch, required: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("FINISHD_REQUIRE_SERVICES", required)
    with pytest.raises(outcome, match="no emulator here"):
        service_missing("no emulator here")


def test_a_killed_pytest_leaves_no_server_running(tmp_path: Path) -> None:
    test = tmp_path / "test_that_sleeps.py"
    report = tmp_path / "port"
    test.write_text(
        "import pathlib, time\n"
        "def test_that_sleeps(redis_server):\n"
        f"    pathlib.Path({str(report)!r}).write_text(str(redis_server.port))\n"
        "    time.sleep(60)\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["TMPDIR"] = str(tmp_path)  # a killed process leaves its directory
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-c", "pyproject.toml", "--rootdir", ".", str(test)],
        cwd=settings.BASE_DIR,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    port = int(_wait_for_text(report))
    assert is_ready(port)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _wait_until(lambda: not is_ready(port))


def _wait_for_text(path: Path) -> str:
    _wait_until(lambda: path.exists() and bool(path.read_text()))
    return path.read_text()


def _wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited for 30 s"
        time.sleep(0.05)
