"""Redis, PostgreSQL and other processes for one run, on loopback and free ports. All of them end with the run."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from bench.errors import RunFailed
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard, signal_group
from finishd.testing import postgres

ROOT: Final = Path(__file__).resolve().parent.parent
STOP_SECONDS: Final = 15.0
TEMPLATE: Final = "bench_template"  # A database with all tables. Other databases are copies of it.


class Servers:
    """Starts processes. Each has a process group of its own, which the guard kills if this process dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = Guard()
        self.cluster: postgres.Cluster | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        self._redis: list[RedisServer] = []
        self._has_template = False

    @property
    def log(self) -> Path:
        """The file with the output of all processes."""
        return self.folder / "processes.log"

    def start(
        self, *command: str, environment: Mapping[str, str], has_pipes: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Start a command. With `has_pipes`, its standard input and output are pipes."""
        pipe = subprocess.PIPE if has_pipes else None
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(environment),
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or log,
                stderr=log,
                start_new_session=True,
            )
        self.guard.add(process.pid)
        self._running.append(process)
        return process

    def stop(self, process: "subprocess.Popen[bytes]") -> None:
        """Send SIGTERM, and kill the process group if the process is still running after STOP_SECONDS."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        signal_group(process.pid, signal.SIGKILL)  # Its children may still be running.
        self.guard.remove(process.pid)
        if process in self._running:
            self._running.remove(process)

    def start_redis(self, name: str, *, fsync: str | None = None) -> RedisServer:
        """Start a Redis. It stores nothing on disk, unless `fsync` is a value of `appendfsync`."""
        directory = self.folder / name
        directory.mkdir()
        server = RedisServer(directory=directory, guard=self.guard, fsync=fsync)
        self._redis.append(server)
        return server

    def create_database(self, name: str) -> str:
        """Create a database and return its URL.

        The database is a copy of TEMPLATE if that exists. The first call starts PostgreSQL, and raises `RunFailed` if
        it is not installed.
        """
        server = self._get_cluster().url.rpartition("/")[0]
        template = (
            sql.SQL("TEMPLATE {}").format(sql.Identifier(TEMPLATE)) if self._has_template else sql.SQL("")
        )
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), template))
        self._has_template = self._has_template or name == TEMPLATE
        return f"{server}/{name}"

    def close(self) -> None:
        for process in reversed(list(self._running)):
            self.stop(process)
        for server in self._redis:
            server.stop()
        if self.cluster is not None:
            self.cluster.stop()
        self.guard.close()

    def _get_cluster(self) -> postgres.Cluster:
        if self.cluster is None:
            directory = self.folder / "postgres"
            directory.mkdir()
            self.folder.chmod(0o711)  # If this process runs as root, PostgreSQL runs as another user.
            try:
                self.cluster = postgres.Cluster(directory=directory, guard=self.guard)
            except postgres.NoPostgres as missing:
                raise RunFailed(f"PostgreSQL is required: {missing}.") from missing
        return self.cluster


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Provide `Servers` in a temporary folder. At the end all processes are stopped and the folder is deleted."""
    folder = Path(tempfile.mkdtemp(prefix="finishd-bench-")).resolve()
    try:
        servers = Servers(folder)
        try:
            yield servers
        except Exception:
            _print_log_tail(servers.log)
            raise
        finally:
            servers.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _print_log_tail(log: Path, *, lines: int = 40) -> None:
    """Print the last lines of the processes' log to standard error, without successful requests."""
    text = log.read_text(errors="replace") if log.exists() else ""
    for line in [line for line in text.splitlines() if " 200 " not in line][-lines:]:
        print(f"  | {line}", file=sys.stderr)
