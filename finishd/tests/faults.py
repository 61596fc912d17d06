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

from core.tests.redis_faults import Fault, connect
from finishd.run.guard import Guard
from finishd.run.ports import free_port
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.postgres import Cluster
from finishd.testing.processes import Processes, Web, processes
from finishd.testing.proxy import Proxy
from finishd.tests.fault_endpoints import ENDPOINTS, PAGE, REQUEST, VIEWER, EndpointResponse

WAIT_SECONDS: Final = 30.0
QUEUES: Final = "sweeps,delivery,repeats,default,content,indexes,events"


class Stack:
    """Servers that start at first use and stop together."""

    def __init__(self, directory: Path, exit_stack: ExitStack, emulator: Callable[[], str]) -> None:
        self._directory, self._exit_stack, self._emulator = directory, exit_stack, emulator
        self._frontend = self._processes("frontend")
        self._background = self._processes("background")  # its log lines do not count
        self._guard = Guard()
        exit_stack.callback(self._guard.close)
        self.redis, self.redis_proxy = self._start_redis("redis")
        self.broker, self.broker_proxy = self._start_redis("broker")
        (directory / "postgres").mkdir()
        self.sql = Cluster(directory=directory / "postgres", guard=self._guard)
        exit_stack.callback(self.sql.stop)
        self.sql_proxy = self._start_proxy(self.sql.host)
        self.cursors: dict[Web, str] = {}

    # --- dependencies ---

    @cached_property
    def web(self) -> Web:
        """A web server with the demo world, and people in SQL."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_demo")
        return self._start_web(self.environment)

    @cached_property
    def emulator_proxy(self) -> Proxy:
        return self._start_proxy(self._emulator())

    @cached_property
    def firestore_web(self) -> Web:
        """A web server with people in Firestore and its own Redis database."""
        assert self.web
        environment = {
            **self.environment,
            "ACTIVITY_STORE": "firestore",
            "FIRESTORE_EMULATOR_HOST": self.emulator_proxy.host,
            "FIRESTORE_DATABASE": "faults",
            "REDIS_URL": self.redis_url(1),
            "CACHE_URL": self.redis_url(1),
        }
        self.manage("load_demo", FIRESTORE_TIMEOUT="15", FIRESTORE_DEADLINE="60", base=environment)
        return self._start_web(environment)

    @cached_property
    def keys_proxy(self) -> Proxy:
        """A proxy before a server that publishes the keys of tokens."""
        folder = self._directory / "published"
        folder.mkdir()
        shutil.copy(settings.FIREBASE_KEYS_FILE, folder / "keys.json")
        port = free_port()
        self._frontend.start("-m", "http.server", "--bind", "127.0.0.1", "-d", str(folder), str(port))
        proxy = self._start_proxy(f"127.0.0.1:{port}")
        self._frontend.wait_for(lambda: _serves_keys(proxy))
        return proxy

    def start_web_without_keys(self) -> Web:
        """Start a web server that has not fetched keys yet."""
        keys = {
            "DJANGO_SETTINGS_MODULE": "finishd.testing.keys_settings",
            "FIREBASE_KEYS_FILE": "",
            "FINISHD_TEST_KEYS_URL": f"http://{self.keys_proxy.host}/keys.json",
        }
        return self._start_web({**self.environment, **keys}, warm=False)

    @cached_property
    def worker_and_beat(self) -> tuple["subprocess.Popen[bytes]", "subprocess.Popen[bytes]"]:
        """A worker for all queues, and beat."""
        assert self.web
        return self.start_worker(), self.start_beat()

    def start_worker(self) -> "subprocess.Popen[bytes]":
        before = self._background.output.count(" ready.")
        worker = self._background.worker(QUEUES, **{**self.environment, "REDIS_TIMEOUT": "5"})
        self._background.wait_for(lambda: self._background.output.count(" ready.") > before)
        return worker

    def start_beat(self) -> "subprocess.Popen[bytes]":
        return self._background.beat(**{**self.environment, "REDIS_TIMEOUT": "5"})

    def manage(self, *arguments: str, base: dict[str, str] | None = None, **environment: str) -> None:
        variables = {**(base or self.environment), "REDIS_TIMEOUT": "5", **environment}
        command = self._frontend.manage(*arguments, **variables)
        self._frontend.wait_for(lambda: command.poll() is not None)
        assert command.returncode == 0, self.output[-3_000:]

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
        self._frontend.wait_for(condition, seconds=seconds)

    # --- observations ---

    def send(self, web: Web, name: str) -> EndpointResponse:
        endpoint = ENDPOINTS[name]
        started_at = time.monotonic()
        response = endpoint.send(web, self)
        seconds = time.monotonic() - started_at
        body = response.json() if "json" in response.headers["Content-Type"] else {}
        return EndpointResponse(
            name, response.status_code, seconds, body, response.headers.get("Retry-After")
        )

    def store_cursor(self, web: Web) -> None:
        self.cursors[web] = web.feed(VIEWER, limit=10)["meta"]["cursor"]

    @property
    def output(self) -> str:
        return self._frontend.output

    def get_log_lines(self, since: int) -> list[str]:
        """Return the log lines since a length of `output`, without the access log."""
        lines = self.output[since:].splitlines()
        return [line for line in lines if not re.search(r"(GET|POST) \S+ \d{3} [\d.]+ ms\b", line)]

    def connect_to_sql(self) -> "psycopg.Connection[Any]":
        """Return a connection to SQL that does not use the proxy."""
        host, _, port = self.sql.host.partition(":")
        return psycopg.connect(host=host, port=port, user="finishd", dbname="postgres")

    def redis_client(self) -> "Redis":
        return Redis(port=self.redis.port)

    @contextmanager
    def redis_fault(self, fault: Fault) -> Iterator[None]:
        with connect(f"redis://127.0.0.1:{self.redis.port}/0") as client, fault(client):
            yield

    # --- construction ---

    @property
    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": f"postgres://finishd@{self.sql_proxy.host}/postgres",
            "REDIS_URL": self.redis_url(0),
            "CACHE_URL": self.redis_url(0),
            "CELERY_BROKER_URL": f"redis://{self.broker_proxy.host}/0",
            "REDIS_TIMEOUT": "0.15",
            "REDIS_REQUIRE_AOF": "true",
            "PAGE_BUDGET": "0.3",
            "PAGE_DEADLINE": str(PAGE),
            "REQUEST_DEADLINE": str(REQUEST),
        }

    def redis_url(self, database: int) -> str:
        return f"redis://{self.redis_proxy.host}/{database}"

    def _processes(self, name: str) -> Processes:
        folder = self._directory / name
        folder.mkdir()
        return self._exit_stack.enter_context(processes(folder))

    def _start_redis(self, name: str) -> tuple[PersistentRedis, Proxy]:
        folder = self._directory / name
        folder.mkdir()
        server = PersistentRedis(folder)
        self._exit_stack.callback(server.close)
        return server, self._start_proxy(f"127.0.0.1:{server.port}")

    def _start_web(self, environment: dict[str, str], *, warm: bool = True) -> Web:
        web = self._frontend.web(**environment)
        if warm:
            self._frontend.wait_for(lambda: web.get("/api/v1/feed", VIEWER).status_code == 200)
            self.store_cursor(web)
        return web

    def _start_proxy(self, target: str) -> Proxy:
        proxy = Proxy(target)
        self._exit_stack.callback(proxy.close)
        return proxy


def _serves_keys(proxy: Proxy) -> bool:
    try:
        return httpx.get(f"http://{proxy.host}/keys.json").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def stack(emulator: Callable[[], str]) -> Iterator[Stack]:
    """Create a stack. `emulator` returns the host of a running Firestore emulator. Raises NoPostgres."""
    # Otherwise a failing test shows thousands of requests.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with ExitStack() as exit_stack:
        directory = Path(tempfile.mkdtemp(prefix="finishd-faults-"))
        exit_stack.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o711)  # if pytest runs as root, PostgreSQL runs as another user
        yield Stack(directory, exit_stack, emulator)
