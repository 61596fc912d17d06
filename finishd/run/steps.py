"""The steps of `make run`, from an empty directory to a running service."""

import fcntl
import json
import shlex
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from django.core.exceptions import ImproperlyConfigured
from redis import RedisError

from core.auth import devkeys
from core.environment.urls import check_redis_url
from core.redis.version import OldRedis, check_server
from finishd.run import programs
from finishd.run.config import DATA, ROOT, Config, check_port, settings_for, write_run_env
from finishd.run.embedded_redis import START_SECONDS, is_ready
from finishd.run.errors import StartupError
from finishd.run.guard import GRACE_SECONDS, Guard
from finishd.run.output import Output
from finishd.run.ports import free_port
from finishd.run.process import ProcessStarter
from finishd.run.supervisor import Interrupted, Supervisor

HEALTHY_SECONDS = 60.0
LOCK_SECONDS = GRACE_SECONDS + 1  # the guard of a killed run may still be stopping its programs


def run(config: Config, output: Output) -> None:
    """Start all programs, print how to use them, and run until Ctrl-C. Raises StartupError."""
    check_port(config)
    with acquire_run_lock(config.data) as lock:
        # The guard also holds the lock, so the next run waits until the children of a killed run have stopped.
        guard = Guard(keep_fds=[lock.fileno()])
        starter = ProcessStarter(directory=ROOT, guard=guard, output=output)
        supervisor = Supervisor(starter=starter, output=output)
        supervisor.listen_to_signals()
        try:
            start(config, supervisor, output)
            supervisor.watch()
        except Interrupted:
            output.write_line("finishd", "stopping; press Ctrl-C again to kill all programs")
        finally:
            supervisor.stop(last=["redis"])
            guard.close()


def start(config: Config, supervisor: Supervisor, output: Output) -> None:
    """Start Redis, write the settings, prepare SQL, then start the servers. Return when the web server responds."""
    url = start_redis(config, supervisor, output)
    settings = settings_for(config, embedded_redis=url)
    write_run_env(config.run_env, settings)
    devkeys.ensure_keys(config.data / "dev-keys")
    environment = {
        **config.environment,
        **settings,
        "PYTHONUNBUFFERED": "1",
        "PROMETHEUS_MULTIPROC_DIR": str(config.data / "metrics"),
    }
    result = json.loads(supervisor.run_to_completion(programs.prepare(environment)))
    supervisor.start(programs.web(config, environment))
    for worker in programs.workers(environment):
        supervisor.start(worker)
    supervisor.start(programs.beat(environment))
    supervisor.wait_until(
        lambda: is_healthy(config.address),
        seconds=HEALTHY_SECONDS,
        what="The web server does not respond to /health",
    )
    output.write(welcome(config, result["password"], result["token"]))


def start_redis(config: Config, supervisor: Supervisor, output: Output) -> str | None:
    """Start the embedded Redis and return its URL. If REDIS_URL names a server, check it and return None."""
    url = config.environment.get("REDIS_URL")
    if url:
        check_redis(url)
        return None
    directory = config.data / "redis"
    directory.mkdir(exist_ok=True)
    port = free_port()
    child = supervisor.start(programs.redis(port=port, directory=directory, environment=config.environment))
    supervisor.wait_until(
        lambda: child.alive and is_ready(port),
        seconds=START_SECONDS,
        what="The embedded Redis does not respond",
    )
    output.write_line("finishd", f"embedded Redis on port {port}: {child.program.command[0]}")
    return f"redis://127.0.0.1:{port}/0"


def check_redis(url: str) -> None:
    """Raise StartupError if the URL is malformed, or if no Redis server of a supported version responds there."""
    try:
        check_redis_url("REDIS_URL", url)
        check_server("REDIS_URL", url)
    except (ImproperlyConfigured, OldRedis) as error:
        raise StartupError(str(error)) from error
    except RedisError as error:
        raise StartupError(f"The Redis server at REDIS_URL does not respond: {error}") from error


def acquire_run_lock(data: Path) -> IO[str]:
    """Acquire the lock of a data directory. Closing the file releases it. Raises StartupError."""
    lock = (data / "run.lock").open("a")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                lock.close()
                raise StartupError(
                    f"Finishd already runs in {data}. Stop it, or use another directory: "
                    "make run FINISHD_DATA=… PORT=…"
                ) from error
            time.sleep(0.1)
        else:
            return lock


def is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def welcome(config: Config, password: str | None, token: str) -> str:
    """Return the message of a started run. The curl command in it can be pasted."""
    secret = f"password {password}" if password else "with the password that you set in the admin"
    variable = "" if config.data == DATA else f"FINISHD_DATA={shlex.quote(str(config.data))} "
    return (
        f"\nFinishd is running at {config.address}  (Ctrl-C stops all programs)\n"
        f"  API    {config.address}/api/docs\n"
        f"  admin  {config.address}/admin/  user staff, {secret}\n"
        "  feed   of Ama, a person of the demo world "
        f"(to get a token for another person: {variable}.venv/bin/python manage.py token UID):\n\n"
        f"curl -H 'Authorization: Bearer {token}' '{config.address}/api/v1/feed?limit=10'\n"
    )
