"""Servers of the bench's own, on loopback and free ports: all of them end with it, whatever happens."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg
from psycopg import sql

from bench.rows import Failed
from core.throttling import rates
from finishd.run import programs
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard, signal_group
from finishd.run.ports import free_port
from finishd.testing import postgres

ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0
TEMPLATE: Final = "bench_template"  # a database with all tables, which worlds are copies of
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")

ServerKind = Literal["granian", "gunicorn", "uvicorn"]


@dataclass(frozen=True, slots=True)
class Web:
    """A web server that answers."""

    port: int
    process: "subprocess.Popen[bytes]"
    label: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Servers:
    """Starts processes, each in a group of its own that a guard knows of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = Guard()
        self._running: list[subprocess.Popen[bytes]] = []
        self._redis: list[RedisServer] = []
        self.cluster: postgres.Cluster | None = None
        self._has_template = False

    @property
    def log(self) -> Path:
        """What all processes said."""
        return self.folder / "processes.log"

    def start(
        self, *command: str, environment: Mapping[str, str], talks: bool = False
    ) -> "subprocess.Popen[bytes]":
        """Run a command; with `talks` its standard input and output are pipes."""
        pipe = subprocess.PIPE if talks else None
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
        """Ask it to end, and kill its group after STOP_SECONDS."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                signal_group(process.pid, signal.SIGKILL)
                process.wait()
        signal_group(process.pid, signal.SIGKILL)  # whatever it left behind
        self.guard.remove(process.pid)
        if process in self._running:
            self._running.remove(process)

    def redis(self, name: str, *, fsync: str | None = None) -> RedisServer:
        """A new one that keeps nothing, unless `fsync` says how."""
        directory = self.folder / name
        directory.mkdir()
        server = RedisServer(directory=directory, guard=self.guard, fsync=fsync)
        self._redis.append(server)
        return server

    def database(self, name: str) -> str:
        """A new database's URL: a copy of the template, once there is one. Starts PostgreSQL at first use."""
        if self.cluster is None:
            directory = self.folder / "postgres"
            directory.mkdir()
            self.folder.chmod(0o711)  # the server runs as another user when this does as root
            try:
                self.cluster = postgres.Cluster(directory=directory, guard=self.guard)
            except postgres.NoPostgres as missing:
                raise Failed(f"The bench needs PostgreSQL: {missing}.") from missing
        template = (
            sql.SQL("TEMPLATE {}").format(sql.Identifier(TEMPLATE)) if self._has_template else sql.SQL("")
        )
        server = self.cluster.url.rpartition("/")[0]
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


@contextmanager
def servers() -> Iterator[Servers]:
    """Servers in a folder of their own; both are gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="finishd-bench-")).resolve()
    try:
        started = Servers(folder)
        try:
            yield started
        except Exception:
            tell_log(started.log)
            raise
        finally:
            started.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell_log(log: Path, *, lines: int = 40) -> None:
    """The last lines that the servers said, on standard error, without those of good requests."""
    said = log.read_text(errors="replace").splitlines() if log.exists() else []
    for line in [line for line in said if " 200 " not in line][-lines:]:
        print(f"  | {line}", file=sys.stderr)


def environment(*, data: Path, redis_url: str, database_url: str) -> dict[str, str]:
    """Production's settings on the bench's servers: nothing of the caller's, and every name that a `.env` sets."""
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "PYTHONUNBUFFERED": "1",
        "FINISHD_DATA": str(data),
        "DEBUG": "false",
        "SECRET_KEY": "for a measurement only: it signs nothing that anybody will trust",
        "ALLOWED_HOSTS": "127.0.0.1",
        "CSRF_TRUSTED_ORIGINS": "",
        "SECURE_SSL_REDIRECT": "false",  # load comes in plain HTTP
        "TRUST_X_FORWARDED_PROTO": "false",
        "DATABASE_URL": database_url,
        "DATABASE_POOL": "8",
        "REDIS_URL": redis_url,
        "CACHE_URL": redis_url,
        "CELERY_BROKER_URL": redis_url,
        "REDIS_TIMEOUT": "2",  # a stall is to be seen as a slow page, not to end the run
        "REDIS_POOL": "64",
        "FINISHD_EMBEDDED_REDIS": "false",
        "FIREBASE_PROJECT_ID": "finishd-bench",
        "FIREBASE_KEYS_FILE": str(data / "dev-keys" / "jwks.json"),
        "ACTIVITY_STORE": "orm",
        "FIRESTORE_EMULATOR_HOST": "",
        "FANOUT_PUSH_LIMIT": "1000000",
        "FEED_TRACE_PERCENT": "1",
        "ANALYTICS_SHARDS": "4",
        "ANALYTICS_STREAM_EVENTS": "2000000",
        "ANALYTICS_MARKS_MB": "256",
        "METRICS_TOKEN": "",
        "TRUSTED_PROXIES": "",
        **rates.get_unlimited_environment(),  # counted as in production, and refused nothing
        "LOG_LEVEL": "INFO",  # as in production: a line for each request
        "LOG_FORMAT": "json",
        "METRICS_PORT": "0",
        "PROMETHEUS_MULTIPROC_DIR": str(data / "metrics"),
    }


def web_command(kind: ServerKind, *, port: int, processes: int, threads: int) -> list[str]:
    """granian as `make run` and the Dockerfile start it; the others as their makers advise. Finishd logs requests."""
    if kind == "granian":
        return programs.serve("127.0.0.1", port, processes=processes, threads=threads)
    number, where = str(processes), f"127.0.0.1:{port}"
    if kind == "gunicorn":
        options = ["--worker-class", "gthread", "--threads", str(threads), "--no-control-socket"]
        options += ["--graceful-timeout", "5"]
        return ["-m", "gunicorn", "finishd.wsgi", "--bind", where, "--workers", number, *options]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return ["-m", "uvicorn", "bench.floors.asgi:application", *address, "--workers", number]


def start_web(
    started: Servers,
    settings: Mapping[str, str],
    *,
    kind: ServerKind = "granian",
    processes: int = 2,
    threads: int = programs.WEB_THREADS,
) -> Web:
    """A web server that answers. Raises Failed when it does not within START_SECONDS."""
    port = free_port()
    command = web_command(kind, port=port, processes=processes, threads=threads)
    process = started.start(sys.executable, *command, environment=settings)
    label = kind if kind == "uvicorn" else f"{kind} with {threads} threads"
    web = Web(port, process, label)
    wait_for(lambda: _answers(f"{web.address}/health"), what=f"{web.label} to answer", process=process)
    return web


def start_celery(
    started: Servers, settings: Mapping[str, str], *queues: str, processes: int = 1, beat: bool = False
) -> "subprocess.Popen[bytes]":
    """A worker with so many processes for these queues, or beat. It may still be starting."""
    role = (
        ["beat", "--loglevel", "error", "--pidfile", "", "--schedule", str(started.folder / "beat")]
        if beat
        else [
            *("worker", "--loglevel", "error", "--concurrency", str(processes)),
            *("--queues", ",".join(queues)),
        ]
    )
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "finishd", *role]
    return started.start(*command, environment={**settings, "REDIS_TIMEOUT": "5"})


def wait_for(
    condition: Callable[[], bool],
    *,
    what: str,
    seconds: float = START_SECONDS,
    process: "subprocess.Popen[bytes] | None" = None,
    every: float = 0.05,
) -> None:
    """Raises Failed when it does not become true in time, or the process ends."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failed(f"waited for {what}, and the process ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise Failed(f"waited for {what} in vain for {seconds:.0f} s")
        time.sleep(every)


def resident_mb(pids: Sequence[int]) -> float:
    """The largest resident memory among these processes, of those that live. Raises Failed where the kernel does not
    tell."""
    found = []
    for pid in pids:
        status = Path(f"/proc/{pid}/status")
        if status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if "VmRSS" in lines:  # a dead one that nobody has waited for has none
                found.append(int(lines["VmRSS"].split()[0]) / 1024)
    if not found:
        raise Failed("resident memory is read from /proc, which is not there")
    return max(found)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
