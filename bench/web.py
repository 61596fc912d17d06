"""Web servers and Celery processes for measurements."""

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from bench.processes import wait_for
from bench.servers import Servers
from finishd.run import programs
from finishd.run.ports import free_port

WEB_THREADS: Final = 4  # of each process, the default of the setting
ServerKind = Literal["granian", "granian-wsgi", "gunicorn", "uvicorn"]


@dataclass(frozen=True, slots=True)
class WebServer:
    """A web server that accepts requests."""

    port: int
    process: "subprocess.Popen[bytes]"
    label: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def start_web(
    servers: Servers,
    settings: Mapping[str, str],
    *,
    kind: ServerKind = "granian",
    processes: int = 2,
    threads: int = WEB_THREADS,
) -> WebServer:
    """Start a web server and wait until it answers. Raise `RunFailed` if it does not."""
    port = free_port()
    command = _get_command(kind, port=port, processes=processes, threads=threads)
    size = {"WEB_PROCESSES": str(processes), "WEB_THREADS": str(threads)}
    process = servers.start(sys.executable, *command, environment={**settings, **size})
    web = WebServer(port, process, f"{kind} with {threads} threads")
    wait_for(lambda: _is_live(web), what=f"{web.label} to answer", process=process)
    return web


def start_worker(
    servers: Servers, settings: Mapping[str, str], *queues: str, processes: int = 1
) -> "subprocess.Popen[bytes]":
    """Start a Celery worker for these queues. It may still be starting when this returns."""
    options = ["--concurrency", str(processes), "--queues", ",".join(queues)]
    return _start_celery(servers, settings, "worker", *options)


def start_beat(servers: Servers, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    schedule = str(servers.folder / "beat")
    return _start_celery(servers, settings, "beat", "--pidfile", "", "--schedule", schedule)


def _start_celery(
    servers: Servers, settings: Mapping[str, str], role: str, *options: str
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "finishd", role, "--loglevel", "error"]
    return servers.start(*command, *options, environment={**settings, "REDIS_TIMEOUT": "5"})


def _get_command(kind: ServerKind, *, port: int, processes: int, threads: int) -> list[str]:
    """Return the arguments for Python.

    granian with the front runs as `make run` and the Dockerfile run it. granian-wsgi and gunicorn run Django without
    the front, uvicorn runs the front. They run as their documentation recommends, without an access log, because
    Finishd logs requests itself.
    """
    if kind == "granian":
        return programs.serve("127.0.0.1", port)
    workers = ["--workers", str(processes)]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    if kind == "granian-wsgi":
        options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", str(threads)]
        return [
            "-m",
            "granian",
            *options,
            "--log-level",
            "warning",
            *workers,
            *address,
            "finishd.wsgi:application",
        ]
    if kind == "gunicorn":
        options = ["--worker-class", "gthread", "--threads", str(threads), "--no-control-socket"]
        options += ["--graceful-timeout", "5", "--bind", f"127.0.0.1:{port}"]
        return ["-m", "gunicorn", "finishd.wsgi", *workers, *options]
    return ["-m", "uvicorn", "finishd.asgi:application", "--log-level", "warning", *workers, *address]


def _is_live(web: WebServer) -> bool:
    try:
        with urllib.request.urlopen(f"{web.address}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
