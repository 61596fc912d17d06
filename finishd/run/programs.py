"""The programs of a run and their command lines."""

import sys
from collections.abc import Mapping
from pathlib import Path

from finishd.run import embedded_redis
from finishd.run.config import Config
from finishd.run.process import Program

WEB_THREADS = 4  # of each web process (docs/decisions/0022)
# Workers by name: queues and number of processes. Events have their own worker, so they do not delay deliveries. Both
# serve `sweeps`, so a sweep starts as soon as any process is free.
WORKERS = {
    "worker": (("sweeps", "delivery", "repeats", "default", "content", "indexes"), 2),
    "events": (("sweeps", "events"), 1),
}

# The format of granian's own log lines. core.middleware.observability logs the requests.
_LOG = Path(__file__).with_name("granian.json")


def redis(*, port: int, directory: Path, environment: Mapping[str, str]) -> Program:
    command = embedded_redis.command(port=port, directory=directory, persistent=True)
    return Program("redis", command, environment)


def prepare(environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "finishd.run.prepare"]
    return Program("setup", command, _with_long_timeouts(environment), captures_output=True)


def web(config: Config, environment: Mapping[str, str]) -> Program:
    """Return the web server, with two processes as in production. State in the memory of one process shows up here."""
    command = serve(config.host, config.port, processes=2)
    return Program("web", [sys.executable, *command], environment, restart=False)


def serve(host: str, port: int, *, processes: int, threads: int = WEB_THREADS) -> list[str]:
    """Return the arguments for Python that start the web server."""
    address = ["--interface", "wsgi", "--http", "1", "--no-ws", "--host", host, "--port", str(port)]
    size = ["--workers", str(processes), "--blocking-threads", str(threads)]
    respawn = ["--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", "5"]
    log = ["--log-level", "warning", "--log-config", str(_LOG)]
    return ["-m", "granian", *address, *size, *respawn, *log, "finishd.wsgi:application"]


def workers(environment: Mapping[str, str]) -> list[Program]:
    return [
        _celery(
            name,
            *("worker", "--hostname", f"{name}@%h", "--loglevel", "info"),
            *("--concurrency", str(processes), "--queues", ",".join(queues)),
            environment=environment,
        )
        for name, (queues, processes) in WORKERS.items()
    ]


def beat(environment: Mapping[str, str]) -> Program:
    return _celery("beat", "beat", "--loglevel", "warning", "--pidfile", "", environment=environment)


def _celery(name: str, *options: str, environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "finishd", *options]
    return Program(name, command, _with_long_timeouts(environment))


def _with_long_timeouts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with a longer Redis timeout, for programs that no phone waits for."""
    return {"REDIS_TIMEOUT": "5", **environment}
