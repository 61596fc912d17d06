"""A `make run` process for tests."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from finishd.run.ports import free_port
from finishd.testing.small_disk import SmallDisk

UP_SECONDS = 120
DOWN_SECONDS = 30
MARKER = "FINISHD_TEST_TERMINAL"
# Variables of the test process that a newcomer's terminal does not have.
TEST_VARIABLES = (
    "ACTIVITY_STORE",
    "ALLOWED_HOSTS",
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "DEBUG",
    "FINISHD_EMBEDDED_REDIS",
    "FIREBASE_KEYS_FILE",
    "FIREBASE_PROJECT_ID",
    "REDIS_REQUIRE_AOF",
    "REDIS_URL",
    "SECRET_KEY",
    "SECURE_SSL_REDIRECT",
)


class RunSession:
    """One `python -m finishd.run` with its own data directory and port, and on its own `disk` if given."""

    def __init__(
        self, data: Path, *, port: int | None = None, disk: SmallDisk | None = None, **environment: str
    ) -> None:
        self._marker = uuid.uuid4().hex
        self.port = port or free_port()
        self.data = data
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in TEST_VARIABLES},
            "FINISHD_DATA": str(data),
            "PORT": str(self.port),
            MARKER: self._marker,
            **environment,
        }
        self.lines: list[str] = []
        command = [sys.executable, "-m", "finishd.run"]
        self._process = subprocess.Popen(
            disk.command(*command, cwd=settings.BASE_DIR) if disk else command,
            cwd=settings.BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def curl(self) -> str:
        """The printed curl command, or an empty string before it is printed."""
        return next((line.strip() for line in self.lines if line.startswith("curl ")), "")

    def wait_until_up(self) -> "RunSession":
        deadline = time.monotonic() + UP_SECONDS
        while not self.curl:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)
        return self

    def get(self, path: str, *, token: str = "", **parameters: Any) -> httpx.Response:
        """Send a GET request to the web server, with the printed token by default."""
        return self._send("GET", path, token, params=parameters)

    def post(self, path: str, *, token: str = "", **body: Any) -> httpx.Response:
        """Send a POST request with a JSON body, with the printed token by default."""
        return self._send("POST", path, token, json=body)

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        """Kill the supervisor with SIGKILL, as the kernel does when memory runs out."""
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        code = self._process.wait(timeout=DOWN_SECONDS)
        self._reader.join(timeout=5)
        return code

    def find_processes(self) -> list[int]:
        """Return the ids of the running descendants. It reads /proc, so it needs Linux."""
        entry = f"{MARKER}={self._marker}".encode()
        return [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/environ")
            if entry in _read_environment(path)
        ]

    def close(self) -> None:
        """Kill the run if it has not ended."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def _send(self, method: str, path: str, token: str, **content: Any) -> httpx.Response:
        printed = re.search(r"Bearer ([^']+)'", self.curl)
        assert printed, self.output
        headers = {"Authorization": f"Bearer {token or printed[1]}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, url, headers=headers, timeout=15, **content)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            for line in pipe:
                self.lines.append(line)


def _read_environment(environ: Path) -> list[bytes]:
    """Return the `NAME=value` entries of a process, or an empty list if it has ended."""
    try:
        return environ.read_bytes().split(b"\0")
    except OSError:
        return []
