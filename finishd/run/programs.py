"""The programs of a run and their command lines."""

import sys
from collections.abc import Mapping
from pathlib import Path

from finishd.run import embedded_redis
from finishd.run.config import Config
from finishd.run.process import Program

# Workers by name: queues and number of processes. Events have their own worker, so they do not delay deliveries. Both
# serve `sweeps`, so a sweep starts as soon as any process is free (docs/decisions/0037).
WORKERS = {
    "worker": (("sweeps", "delivery", "repeats", "default", "content", "indexes"), 2),
    "events": (("sweeps", "events"), 1),
}


def redis(*, port: int, directory: Path, environment: Mapping[str, str]) -> Program:
    command = embedded_redis.command(port=port, directory=directory, persistent=True)
    return Program("redis", command, environment)


def prepare(environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "finishd.run.prepare"]
    return Program("setup", command, _with_long_timeouts(environment), captures_output=True)


def web(config: Config, environment: Mapping[str, str]) -> Program:
    """Return the web server, with two processes as in production. State in the memory of one process shows up here."""
    return Program("web", [sys.executable, *serve(config.host, config.port)], environment, restart=False)


def serve(host: str, port: int) -> list[str]:
    """Return the arguments for Python that start the web server. Its size is in the environment: WEB_PROCESSES etc."""
    return ["-m", "finishd.run.web", "--host", host, "--port", str(port)]


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
