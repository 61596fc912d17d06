"""The servers of the fault matrix: real dependencies, each behind a proxy that can fail.

No other test uses these servers. They have the timeouts and deadlines of production.
"""

import logging
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from django.conf import settings
from redis import Redis

from finishd.run.guard import Guard
from finishd.run.ports import free_port
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.postgres import Cluster
from finishd.testing.processes import Processes, Web, processes
from finishd.testing.proxy import Proxy
from finishd.tests.fault_endpoints import ENDPOINTS, PAGE, REQUEST, VIEWER, Answer

PATIENCE: Final = 30.0  # seconds until the end of a fault must be noticed


QUEUES: Final = "delivery,default,content,indexes,events"


class Stack:
    """Start each server at its first use, and stop all of them at the end."""

    def __init__(self, directory: Path, stack: ExitStack, emulator: Callable[[], str]) -> None:
        self._directory, self._stack, self._emulator = directory, stack, emulator
        self._running = self._processes("front")
        self._behind = self._processes("behind")  # the log lines of these do not count
        self._guard = Guard()
        stack.callback(self._guard.close)
        self.redis, self.redis_line = self._a_redis("redis")
        self.broker, self.broker_line = self._a_redis("broker")
        (directory / "postgres").mkdir()
        self.sql = Cluster(directory=directory / "postgres", guard=self._guard)
        stack.callback(self.sql.stop)
        self.sql_line = self._line(self.sql.host)
        self.cursors: dict[Web, str] = {}

    # --- dependencies ---

    @cached_property
    def web(self) -> Web:
        """A web server with people in SQL and the demo world."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_demo")
        return self._a_web(self.environment)

    @cached_property
    def emulator_line(self) -> Proxy:
        return self._line(self._emulator())

    @cached_property
    def firestore_web(self) -> Web:
        """A web server with people in Firestore and a Redis database of its own."""
        assert self.web
        environment = {
            **self.environment,
            "ACTIVITY_STORE": "firestore",
            "FIRESTORE_EMULATOR_HOST": self.emulator_line.host,
            "FIRESTORE_DATABASE": "faults",
            "REDIS_URL": self.redis_url(1),
            "CACHE_URL": self.redis_url(1),
        }
        self.manage("load_demo", FIRESTORE_TIMEOUT="15", FIRESTORE_DEADLINE="60", over=environment)
        return self._a_web(environment)

    @cached_property
    def keys_line(self) -> Proxy:
        """The endpoint that publishes the keys of tokens."""
        folder = self._directory / "published"
        folder.mkdir()
        shutil.copy(settings.FIREBASE_KEYS_FILE, folder / "keys.json")
        port = free_port()
        self._running.start("-m", "http.server", "--bind", "127.0.0.1", "-d", str(folder), str(port))
        line = self._line(f"127.0.0.1:{port}")
        self._running.wait_for(lambda: _published(line))
        return line

    def web_of_published_keys(self) -> Web:
        """A web server that has not fetched keys yet."""
        keys = {
            "DJANGO_SETTINGS_MODULE": "finishd.testing.keys_settings",
            "FIREBASE_KEYS_FILE": "",
            "FINISHD_TEST_KEYS_URL": f"http://{self.keys_line.host}/keys.json",
        }
        return self._a_web({**self.environment, **keys}, warm=False)

    @cached_property
    def machinery(self) -> tuple["subprocess.Popen[bytes]", "subprocess.Popen[bytes]"]:
        """Start a worker for all queues, and beat."""
        assert self.web
        return self.worker(), self.beat()

    def worker(self) -> "subprocess.Popen[bytes]":
        before = self._behind.output.count(" ready.")
        worker = self._behind.worker(QUEUES, **{**self.environment, "REDIS_TIMEOUT": "5"})
        self._behind.wait_for(lambda: self._behind.output.count(" ready.") > before)
        return worker

    def beat(self) -> "subprocess.Popen[bytes]":
        return self._behind.beat(**{**self.environment, "REDIS_TIMEOUT": "5"})

    def manage(self, *arguments: str, over: dict[str, str] | None = None, **environment: str) -> None:
        patient = {"REDIS_TIMEOUT": "5", **environment}
        command = self._running.manage(*arguments, **{**(over or self.environment), **patient})
        self._running.wait_for(lambda: command.poll() is not None)
        assert command.returncode == 0, self.output[-3_000:]

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
        self._running.wait_for(condition, seconds=seconds)

    # --- observations ---

    def ask(self, web: Web, name: str) -> Answer:
        endpoint = ENDPOINTS[name]
        began = time.monotonic()
        answer = endpoint.ask(web, self)
        took = time.monotonic() - began
        body = answer.json() if "json" in answer.headers["Content-Type"] else {}
        return Answer(name, answer.status_code, took, body, answer.headers.get("Retry-After"))

    def remember_cursor(self, web: Web) -> None:
        self.cursors[web] = web.feed(VIEWER, limit=10)["meta"]["cursor"]

    @property
    def output(self) -> str:
        return self._running.output

    def logged(self, since: int) -> list[str]:
        """Return the log lines since a length of `output`, without the access log."""
        lines = self.output[since:].splitlines()
        return [line for line in lines if not re.search(r"(GET|POST) \S+ \d{3} [\d.]+ ms\b", line)]

    def connection(self) -> "psycopg.Connection[Any]":
        """Return a connection to SQL that does not use the proxy."""
        host, _, port = self.sql.host.partition(":")
        return psycopg.connect(host=host, port=port, user="finishd", dbname="postgres")

    def client(self) -> "Redis":
        return Redis(port=self.redis.port)

    # --- construction ---

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": f"postgres://finishd@{self.sql_line.host}/postgres",
            "REDIS_URL": self.redis_url(0),
            "CACHE_URL": self.redis_url(0),
            "CELERY_BROKER_URL": f"redis://{self.broker_line.host}/0",
            "REDIS_TIMEOUT": "0.15",
            "PAGE_BUDGET": "0.3",
            "PAGE_DEADLINE": str(PAGE),
            "REQUEST_DEADLINE": str(REQUEST),
        }

    def redis_url(self, database: int) -> str:
        return f"redis://{self.redis_line.host}/{database}"

    def _processes(self, name: str) -> Processes:
        folder = self._directory / name
        folder.mkdir()
        return self._stack.enter_context(processes(folder))

    def _a_redis(self, name: str) -> tuple[PersistentRedis, Proxy]:
        folder = self._directory / name
        folder.mkdir()
        server = PersistentRedis(folder)
        self._stack.callback(server.close)
        return server, self._line(f"127.0.0.1:{server.port}")

    def _a_web(self, environment: dict[str, str], *, warm: bool = True) -> Web:
        web = self._running.web(**environment)
        if warm:
            self._running.wait_for(lambda: web.get("/api/v1/feed", VIEWER).status_code == 200)
            self.remember_cursor(web)
        return web

    def _line(self, target: str) -> Proxy:
        line = Proxy(target)
        self._stack.callback(line.close)
        return line


def _published(line: Proxy) -> bool:
    try:
        return httpx.get(f"http://{line.host}/keys.json").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def stack(emulator: Callable[[], str]) -> Iterator[Stack]:
    """Create a stack. `emulator` returns the host of a running Firestore emulator. Raises NoPostgres."""
    logging.getLogger("httpx").setLevel(
        logging.WARNING
    )  # otherwise a failing test shows thousands of requests
    with ExitStack() as ends:
        directory = Path(tempfile.mkdtemp(prefix="finishd-faults-"))
        ends.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o711)  # if pytest runs as root, PostgreSQL runs as another user
        yield Stack(directory, ends, emulator)
