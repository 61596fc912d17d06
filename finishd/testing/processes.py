"""Real processes that use the Redis server and the database of the test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import connection

from finishd.run import programs
from finishd.run.guard import Guard, signal_group
from finishd.run.ports import free_port
from finishd.testing.api import get_token

START_SECONDS = 60


class Web:
    """A client of a web server. It runs with one process by default."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.address, timeout=30)

    def is_up(self) -> bool:
        try:
            return self._client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def get(
        self, path: str, uid: str, *, headers: Sequence[tuple[str, str]] = (), **query: Any
    ) -> httpx.Response:
        all_headers = [("Authorization", f"Bearer {get_token(uid)}"), *headers]
        return self._client.get(path, params=query, headers=all_headers)

    def get_as(self, path: str, token: str) -> httpx.Response:
        """Send a GET with a bearer token that is no user's."""
        return self._client.get(path, headers={"Authorization": f"Bearer {token}"})

    def post(self, path: str, uid: str, **body: Any) -> httpx.Response:
        return self._client.post(path, json=body, headers={"Authorization": f"Bearer {get_token(uid)}"})

    def feed(self, uid: str, **query: Any) -> dict[str, Any]:
        """Return a page of the feed. Assert that the response is 200."""
        response = self.get("/api/v1/feed", uid, **query)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def close(self) -> None:
        self._client.close()


class Processes:
    """Start processes, and stop all of them at the end."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "processes.log"
        self._guard = Guard()
        self._started: list[subprocess.Popen[bytes]] = []
        self._webs: list[Web] = []

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        """Run `python <arguments>`. `environment` is added to that of the test."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guard.add(process.pid)
        self._started.append(process)
        return process

    def web(self, workers: int = 1, /, **environment: str) -> Web:
        """Start a web server with the threads of production, and wait until it responds."""
        port = free_port()
        self.start(*programs.serve("127.0.0.1", port), **{"WEB_PROCESSES": str(workers), **environment})
        web = Web(port)
        self._webs.append(web)
        self.wait_for(web.is_up)
        return web

    def worker(
        self, queues: str = "default,content,indexes", **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start a Celery worker for these queues, without waiting for it."""
        options = ["--queues", queues, "--concurrency", "1", "--loglevel", "info"]
        return self.start("-m", "celery", "-A", "finishd", "worker", *options, **environment)

    def beat(self, **environment: str) -> "subprocess.Popen[bytes]":
        pidfile = f"--pidfile={self._log.parent / 'beat.pid'}"
        return self.start("-m", "celery", "-A", "finishd", "beat", pidfile, **environment)

    def manage(self, *arguments: str, **environment: str) -> "subprocess.Popen[bytes]":
        return self.start("manage.py", *arguments, **environment)

    @property
    def last(self) -> "subprocess.Popen[bytes]":
        """The process that was started last."""
        return self._started[-1]

    def wait_for(self, condition: Callable[[], bool], *, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.output[-3000:]
            time.sleep(0.02)

    @property
    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def close(self) -> None:
        for web in self._webs:
            web.close()
        for process in self._started:
            if process.poll() is None:
                signal_group(process.pid, signal.SIGKILL)
            process.wait()
        self._guard.close()


@contextmanager
def processes(directory: Path) -> Iterator[Processes]:
    started = Processes(directory)
    try:
        yield started
    finally:
        started.close()


def _environment(changes: dict[str, str]) -> dict[str, str]:
    """Return the environment of the test, with its database and a longer Redis timeout."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor != "sqlite":
        url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return {**os.environ, "DATABASE_URL": url, "REDIS_TIMEOUT": "2", **changes}
