"""From nothing to a feed that answers, step by step."""

import fcntl
import json
import shlex
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

import redis as redis_client

from core.auth import devkeys
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
LOCK_SECONDS = GRACE_SECONDS + 1  # a killed run may still be ending


def run(config: Config, output: Output) -> None:
    """Start everything, print how to use it, and stay until Ctrl-C. Raises Refusal."""
    check_port(config)
    with acquire_run_lock(config.data) as lock:
        # The guard keeps the lock too: the next run waits until a killed one's children are gone.
        guard = Guard(keep_fds=[lock.fileno()])
        starter = ProcessStarter(directory=ROOT, guard=guard, output=output)
        supervisor = Supervisor(starter=starter, output=output)
        supervisor.listen_to_signals()
        try:
            start(config, supervisor, output)
            supervisor.watch()
        except Interrupted:
            output.write_line("finishd", "stopping; Ctrl-C again kills at once")
        finally:
            supervisor.stop(last=["redis"])
            guard.close()


def start(config: Config, supervisor: Supervisor, output: Output) -> None:
    """Redis, settings, SQL, servers, in this order; returns when the web server answers."""
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
    answer = json.loads(supervisor.run_to_completion(programs.prepare(environment)))
    supervisor.start(programs.web(config, environment))
    for worker in programs.workers(environment):
        supervisor.start(worker)
    supervisor.start(programs.beat(environment))
    supervisor.wait_until(
        lambda: is_healthy(config.address),
        seconds=HEALTHY_SECONDS,
        what="The web server does not answer /health",
    )
    output.write(welcome(config, answer["password"], answer["token"]))


def start_redis(config: Config, supervisor: Supervisor, output: Output) -> str | None:
    """Our own Redis's URL; None when REDIS_URL names another, which is asked whether it is there."""
    named = config.environment.get("REDIS_URL")
    if named:
        check_redis(named)
        return None
    directory = config.data / "redis"
    directory.mkdir(exist_ok=True)
    port = free_port()
    child = supervisor.start(programs.redis(port=port, directory=directory, environment=config.environment))
    supervisor.wait_until(
        lambda: child.alive and is_ready(port),
        seconds=START_SECONDS,
        what="The embedded Redis does not answer",
    )
    output.write_line("finishd", f"embedded Redis on port {port}: {child.program.command[0]}")
    return f"redis://127.0.0.1:{port}/0"


def check_redis(url: str) -> None:
    """Raises Refusal when no Redis answers there."""
    try:
        with redis_client.Redis.from_url(
            url, socket_timeout=3, socket_connect_timeout=3, retry=None
        ) as client:
            client.ping()
    except (redis_client.RedisError, ValueError) as error:
        raise StartupError(f"REDIS_URL names a Redis that does not answer: {error}") from error


def acquire_run_lock(data: Path) -> IO[str]:
    """One run per data folder; released when its file is closed. Raises Refusal."""
    lock = (data / "run.lock").open("a")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                lock.close()
                raise StartupError(
                    f"Finishd already runs on {data}. Stop it, or give this one a folder of its own: "
                    "make run FINISHD_DATA=… PORT=…"
                ) from error
            time.sleep(0.1)
        else:
            return lock


def is_healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:  # noqa: S310  (our own server)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def welcome(config: Config, password: str | None, token: str) -> str:
    """How to go on from here; the curl line can be pasted as it is."""
    secret = f"password {password}" if password else "with the password that was set in the admin"
    named = "" if config.data == DATA else f"FINISHD_DATA={shlex.quote(str(config.data))} "
    return (
        f"\nFinishd is up at {config.address}  (Ctrl-C stops everything)\n"
        f"  API    {config.address}/api/docs\n"
        f"  admin  {config.address}/admin/  user staff, {secret}\n"
        "  feed   of Ama, from the demo world "
        f"(a token for others: {named}.venv/bin/python manage.py token UID):\n\n"
        f"curl -H 'Authorization: Bearer {token}' '{config.address}/api/v1/feed?limit=10'\n"
    )
