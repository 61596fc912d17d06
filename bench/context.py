"""The context of a run: its scale, its servers and its deployments."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import names
from bench.deployment import Deployment, RebuildResult
from bench.environment import build_environment
from bench.rpc import DjangoProcess, call_once
from bench.scale import Scale
from bench.servers import TEMPLATE, Servers
from bench.stalls import StallMonitor, measure_idle_stall
from finishd.run.embedded_redis import RedisServer

Log = Callable[[str], None]
REBUILD_SECONDS: Final = 900.0


class BenchContext:
    """Creates deployments when a family first needs them, and keeps them until the end of the run."""

    def __init__(self, scale: Scale, servers: Servers, log: Log) -> None:
        self.scale = scale
        self.servers = servers
        self.log = log
        self._deployments: dict[int, Deployment] = {}
        self._has_template = False
        self._created = 0

    def get_deployment(self, items: int | None = None) -> Deployment:
        """Return the deployment with this number of items (default: `scale.items`), seeded and with indexes.

        The default deployment has viewers for each number of followees; the others only for `default_followees`.
        """
        size = items or self.scale.items
        if size not in self._deployments:
            self._deployments[size] = self._create_seeded(size)
        return self._deployments[size]

    def get_viewers(self, followees: int | None = None) -> list[str]:
        """Return the viewers with this number of followees (default: `scale.default_followees`)."""
        number = self.scale.default_followees if followees is None else followees
        return names.viewers(number, self.scale.viewers)

    def create_empty(self, name: str, *, sqlite: bool = False) -> Deployment:
        """Create a deployment that has tables and genres only."""
        self._created += 1
        label = f"{name}_{self._created}"
        data = self.servers.folder / label
        data.mkdir()
        redis = self.servers.start_redis(f"{label}-redis")
        url = f"sqlite:///{data / 'db.sqlite3'}" if sqlite else self._create_database(label, data, redis)
        settings = build_environment(data=data, redis_url=redis.url, database_url=url)
        deployment = Deployment(0, self.servers, redis, settings, DjangoProcess(self.servers, settings))
        deployment.call("bench.remote.seed.create_keys")
        if sqlite:
            deployment.call("bench.remote.seed.migrate")
        return deployment

    def rebuild_indexes(self, deployment: Deployment) -> RebuildResult:
        """Rebuild the indexes in a new process while another client of Redis measures stalls."""
        url = deployment.redis.url
        idle = measure_idle_stall(url, self.scale.seconds)
        with StallMonitor(url) as monitor:
            found = call_once(
                self.servers, deployment.settings, "bench.remote.indexes.rebuild", timeout=REBUILD_SECONDS
            )
            time.sleep(0.05)
        publish = monitor.longest(since=found["publish"], until=found["end"])
        return RebuildResult(found["seconds"], found["peak_mb"], idle, monitor.longest(), publish)

    def _create_seeded(self, size: int) -> Deployment:
        deployment = self.create_empty(f"items_{size}")
        deployment.items = size
        is_default = size == self.scale.items
        followees = list(self.scale.followees) if is_default else [self.scale.default_followees]
        items_seconds = deployment.call("bench.remote.seed.seed_items", count=size)
        people_seconds = deployment.call(
            "bench.remote.seed.seed_people", followees=followees, viewers=self.scale.viewers, items=size
        )
        deployment.rebuild = self.rebuild_indexes(deployment)
        for number in followees:
            deployment.call("bench.remote.seed.warm_caches", uids=self.get_viewers(number))
        self.log(
            f"created a deployment with {size:,} items: items {items_seconds:.0f} s, people {people_seconds:.0f} s, "
            f"indexes {deployment.rebuild.seconds:.1f} s"
        )
        return deployment

    def _create_database(self, name: str, data: Path, redis: RedisServer) -> str:
        if not self._has_template:
            url = self.servers.create_database(TEMPLATE)
            settings = build_environment(data=data, redis_url=redis.url, database_url=url)
            call_once(self.servers, settings, "bench.remote.seed.migrate")
            self._has_template = True
        return self.servers.create_database(name)
