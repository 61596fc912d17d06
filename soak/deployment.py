"""The servers of a soak, as production wires them: web with two processes, all workers, beat, Redis and PostgreSQL."""

import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import redis

from bench.environment import build_environment
from bench.errors import RunFailed
from bench.processes import get_children, wait_for
from bench.rpc import DjangoProcess, call_once
from bench.servers import Servers
from bench.web import WebServer, start_web
from finishd.run import programs
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import signal_group, signal_process
from finishd.run.process import Program
from finishd.testing.postgres import Cluster

WEB_PROCESSES: Final = 2
WEB_THREADS: Final = programs.WEB_THREADS
DATABASE_POOL: Final = 8
DOWN: Final = 0.5  # seconds before a supervisor starts again what died
READY: Final = 60.0
# What differs from production, and why.
SETTINGS: Final = {
    "DJANGO_SETTINGS_MODULE": "finishd.settings",
    # Each write of Redis is synced, so that no restart forgets one, and two cores do everything at once: a page may
    # wait longer than 150 ms.
    "REDIS_TIMEOUT": "0.5",
    "DATABASE_POOL": str(DATABASE_POOL),
    "FANOUT_PUSH_LIMIT": "8",  # of two dozen people: some rise above it, and sink again
    "HISTORY_FLUSH_SECONDS": "5",
    "FEED_TRACE_PERCENT": "10",
}


class SoakDeployment:
    """Everything that runs. Who kills is `soak.faults`; here things are found, and started again."""

    def __init__(self, started: Servers, *, items: int) -> None:
        self.servers = started
        data = started.folder / "data"
        data.mkdir()
        self.redis: RedisServer = started.start_redis("redis", fsync="always")
        self.database = started.create_database("soak")
        self.settings = {
            **build_environment(data=data, redis_url=self.redis.url, database_url=self.database),
            **SETTINGS,
        }
        call_once(started, self.settings, "bench.remote.seed.migrate")
        self.django = DjangoProcess(started, self.settings)
        self.django.call("bench.remote.seed.create_keys")
        self.world: dict[str, Any] = self.django.call("soak.remote.begin", size=items)
        self.web: WebServer = start_web(started, self.settings, processes=WEB_PROCESSES, threads=WEB_THREADS)
        self._programs: dict[str, Program] = {
            program.name: program
            for program in (*programs.workers(self._patient), programs.beat(self._patient))
        }
        self.running = {name: self._start(name) for name in self._programs}
        self._wait_for_workers()

    @property
    def cluster(self) -> Cluster:
        if self.servers.cluster is None:
            raise RunFailed("there is no PostgreSQL")
        return self.servers.cluster

    @property
    def broker(self) -> "redis.Redis":
        """A client of the driver's own, which the faults do not spare."""
        return redis.Redis.from_url(self.redis.url, socket_timeout=10)

    def roles(self) -> dict[int, str]:
        """Pid → what it is, of all processes whose memory is watched."""
        found = dict.fromkeys(get_children(self.web.process.pid), "web")
        for name, process in list(self.running.items()):
            found[process.pid] = name
            found |= dict.fromkeys(get_children(process.pid), f"{name}'s process")
        return found

    def youngest(self, parent: int) -> int | None:
        """The child that was started last: so the others live on, and their memory tells."""
        return max(get_children(parent), key=_started, default=None)

    def workers(self) -> list[str]:
        return sorted(programs.WORKERS)

    def kill(self, name: str) -> None:
        """A worker or beat, with all its processes, and its like in its place."""
        process = self.running[name]
        signal_group(process.pid, signal.SIGKILL)
        self.servers.stop(process)
        time.sleep(DOWN)
        self.running[name] = self._start(name)

    def stop(self, name: str) -> None:
        """In order."""
        self.servers.stop(self.running.pop(name))

    def check(self) -> list[str]:
        """What ended although nobody killed it."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        return [*ended, *(["web"] if self.web.process.poll() is not None else [])]

    def tokens(self, uids: list[str]) -> dict[str, str]:
        return dict(zip(uids, self.django.call("bench.remote.seed.sign_tokens", uids=uids), strict=True))

    @property
    def _patient(self) -> Mapping[str, str]:
        return {**self.settings, "REDIS_TIMEOUT": "5"}

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        program = self._programs[name]
        return self.servers.start(*program.command, environment=program.environment)

    def _wait_for_workers(self) -> None:
        def ready() -> bool:
            said = self.servers.log.read_text(errors="replace")
            return said.count("ready.") >= len(programs.WORKERS)

        wait_for(ready, what="the workers", seconds=READY)


def kill_process(pid: int) -> None:
    signal_process(pid, signal.SIGKILL)


def _started(pid: int) -> int:
    """In ticks since the machine started; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0
