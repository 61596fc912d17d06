"""The deployment that a soak runs on: web with two processes, all workers, beat, Redis and PostgreSQL."""

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
from bench.web import WEB_THREADS, WebServer, start_web
from finishd.run import programs
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import signal_group, signal_process
from finishd.run.process import Program
from finishd.testing.postgres import Cluster

WEB_PROCESSES: Final = 2
DATABASE_POOL: Final = 12
RESTART_DELAY: Final = 0.5  # Seconds until a killed program is started again, as by a supervisor.
START_SECONDS: Final = 60.0
# Differences from production, and their reasons.
SETTINGS: Final = {
    "DJANGO_SETTINGS_MODULE": "finishd.settings",
    # Two cores run everything, so a page may wait longer than 150 ms for Redis.
    "REDIS_TIMEOUT": "0.5",
    "DATABASE_POOL": str(DATABASE_POOL),
    "FANOUT_PUSH_LIMIT": "8",  # With two dozen people, some cross this limit in both directions.
    "HISTORY_FLUSH_SECONDS": "5",
    "FEED_TRACE_PERCENT": "10",
}


class SoakDeployment:
    """Starts everything, and restarts what a fault has killed. `soak.faults` decides what is killed."""

    def __init__(self, servers: Servers, *, items: int, bug: str = "") -> None:
        self.servers = servers
        data = servers.folder / "data"
        data.mkdir()
        self.redis: RedisServer = servers.start_redis("redis", fsync="everysec")
        self.database = servers.create_database("soak")
        self.settings = {
            **build_environment(data=data, redis_url=self.redis.url, database_url=self.database),
            **SETTINGS,
            **({"DJANGO_SETTINGS_MODULE": "soak.planted.settings", "SOAK_BUG": bug} if bug else {}),
        }
        call_once(servers, self.settings, "bench.remote.seed.migrate")
        self.django = DjangoProcess(servers, self.settings)
        self.django.call("bench.remote.seed.create_keys")
        self.catalogue: dict[str, Any] = self.django.call("soak.remote.seed_catalogue", size=items)
        self.web: WebServer = self._start_web()
        celery_settings: Mapping[str, str] = {**self.settings, "REDIS_TIMEOUT": "5"}
        self._programs: dict[str, Program] = {
            program.name: program
            for program in (*programs.workers(celery_settings), programs.beat(celery_settings))
        }
        self.running = {name: self._start(name) for name in self._programs}
        self._wait_for_workers()

    @property
    def cluster(self) -> Cluster:
        if self.servers.cluster is None:
            raise RunFailed("PostgreSQL is not running")
        return self.servers.cluster

    @property
    def worker_names(self) -> list[str]:
        return sorted(programs.WORKERS)

    def connect_redis(self) -> "redis.Redis":
        """Return a client that belongs to the soak."""
        return redis.Redis.from_url(self.redis.url, socket_timeout=10)

    def sign_tokens(self, uids: list[str]) -> dict[str, str]:
        """Return a token for each uid."""
        tokens = self.django.call("bench.remote.seed.sign_tokens", uids=uids)
        return dict(zip(uids, tokens, strict=True))

    def get_roles(self) -> dict[int, str]:
        """Return the role by pid of all processes whose memory is monitored."""
        roles = dict.fromkeys(get_children(self.web.process.pid), "web")
        for name, process in list(self.running.items()):
            roles[process.pid] = name
            roles |= dict.fromkeys(get_children(process.pid), f"{name}'s process")
        return roles

    def get_youngest_child(self, parent: int) -> int | None:
        """Return the child that started last. The older ones run on, so their memory can be compared over time."""
        return max(get_children(parent), key=_get_start_ticks, default=None)

    def kill_and_restart(self, name: str) -> None:
        """Kill a worker or beat with all its processes, and start it again."""
        process = self.running[name]
        signal_group(process.pid, signal.SIGKILL)
        self.servers.stop(process)
        time.sleep(RESTART_DELAY)
        self.running[name] = self._start(name)

    def stop(self, name: str) -> None:
        """Stop a worker or beat in an orderly way."""
        self.servers.stop(self.running.pop(name))

    def start(self, name: str) -> None:
        """Start a worker or beat that was stopped."""
        self.running[name] = self._start(name)

    def stop_everything(self) -> None:
        """Stop web, workers and beat in an orderly way. The servers run on."""
        for name in list(self.running):
            self.stop(name)
        self.servers.stop(self.web.process)

    def start_everything(self) -> None:
        """Start them again, and wait until the web server answers."""
        for name in self._programs:
            self.start(name)
        self.web = self._start_web()

    def find_ended(self) -> list[str]:
        """Return the names of programs that ended without being killed by a fault."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        return [*ended, *(["web"] if self.web.process.poll() is not None else [])]

    def _start_web(self) -> WebServer:
        return start_web(self.servers, self.settings, processes=WEB_PROCESSES, threads=WEB_THREADS)

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        program = self._programs[name]
        return self.servers.start(*program.command, environment=program.environment)

    def _wait_for_workers(self) -> None:
        def are_ready() -> bool:
            log = self.servers.log.read_text(errors="replace")
            return log.count("ready.") >= len(programs.WORKERS)

        wait_for(are_ready, what="the workers", seconds=START_SECONDS)


def kill_process(pid: int) -> None:
    signal_process(pid, signal.SIGKILL)


def _get_start_ticks(pid: int) -> int:
    """Return the start time of a process in clock ticks since boot, or 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 0
