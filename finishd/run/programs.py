"""The programs of a run and their command lines."""

import sys
from collections.abc import Mapping
from pathlib import Path

from finishd.run import embedded_redis
from finishd.run.config import Config
from finishd.run.process import Program

QUEUES = ("fanout", "default", "content", "indexes", "analytics")


def redis(*, port: int, directory: Path, environment: Mapping[str, str]) -> Program:
    command = embedded_redis.command(port=port, directory=directory, persistent=True)
    return Program("redis", command, environment)


def prepare(environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "finishd.run.prepare"]
    return Program("setup", command, _patient(environment), answers=True)


def web(config: Config, environment: Mapping[str, str]) -> Program:
    """Two processes, as few as production would have: what keeps state in one process's memory shows here."""
    options = ["--workers", "2", "--threads", "8", "--worker-class", "gthread", "--graceful-timeout", "5"]
    log = ["--access-logfile", "-", "--access-logformat", "%(r)s %(s)s %(M)s ms"]
    command = ["gunicorn", "finishd.wsgi", "--bind", config.bind, "--no-control-socket", *options, *log]
    return Program("web", [sys.executable, "-m", *command], environment, restart=False)


def worker(environment: Mapping[str, str]) -> Program:
    options = ["--loglevel", "info", "--concurrency", "2", "--queues", ",".join(QUEUES)]
    return _celery("worker", *options, environment=environment)


def beat(environment: Mapping[str, str]) -> Program:
    return _celery("beat", "--loglevel", "warning", "--pidfile", "", environment=environment)


def _celery(name: str, *options: str, environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "finishd", name, *options]
    return Program(name, command, _patient(environment))


def _patient(environment: Mapping[str, str]) -> dict[str, str]:
    """What no phone waits for may wait longer for Redis than a page may."""
    return {"REDIS_TIMEOUT": "5", **environment}
