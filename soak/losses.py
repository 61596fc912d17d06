"""Faults in which Redis loses its last writes, and what their loss windows mean for the results.

Both end with a server on the port of the old one, so that no process must be configured again.
"""

import time
from collections.abc import Iterable
from typing import Final

from redis import Redis

from bench.errors import RunFailed
from finishd.testing.redis_losses import get_append_only_file, truncate
from soak.checks.counts import READ_SECONDS
from soak.deployment import SoakDeployment
from soak.history import History

MAX_LOST_SECONDS: Final = 2.0  # What `everysec` may lose.
MAX_POSTPONED_SECONDS: Final = 2.0  # Redis writes to its file this much later if an fsync takes long.
SYNC_SECONDS: Final = 20.0


def roll_back_redis(deployment: SoakDeployment, variant: float) -> float:
    """Kill Redis and cut its append-only file, as a power cut does. Return the time from which writes are lost."""
    directory = deployment.redis.directory
    loses_since, file = time.monotonic() - MAX_POSTPONED_SECONDS, get_append_only_file(directory)
    size = file.stat().st_size
    time.sleep(MAX_LOST_SECONDS * variant)
    deployment.redis.stop()
    if get_append_only_file(directory) == file:  # Redis has not rewritten it meanwhile.
        truncate(directory, size)
    deployment.redis.start()
    return loses_since


def promote_replica(deployment: SoakDeployment, variant: float) -> float:
    """Replace Redis with a replica that lags. Return the time from which writes are lost."""
    replica = deployment.servers.start_redis(f"replica-{time.monotonic_ns()}", fsync="everysec")
    with Redis.from_url(replica.url) as client:
        client.replicaof("127.0.0.1", str(deployment.redis.port))
        _wait_for_sync(client)
        loses_since = _wait_for_lag(deployment, client)
        client.replicaof("NO", "ONE")
        time.sleep(MAX_LOST_SECONDS * variant)
        deployment.redis.stop()
    replica.stop()
    deployment.redis.replace_data(replica.directory)
    deployment.redis.start()
    return loses_since


def find_affected_viewers(history: History) -> set[str]:
    """Return the viewers whose events of a loss window may be lost, or count twice.

    Events that were sent up to READ_SECONDS before may be counted in the window, and then their dedup keys are lost.
    """
    windows = [
        (fault.loses_since - READ_SECONDS, fault.end)
        for fault in history.faults
        if fault.loses_since is not None
    ]
    return {
        operation.actor
        for operation in history.operations
        if operation.kind == "report" and _overlaps(windows, operation.start, operation.end)
    }


def _overlaps(windows: Iterable[tuple[float, float]], start: float, end: float) -> bool:
    return any(start <= window_end and end >= window_start for window_start, window_end in windows)


def _wait_for_sync(replica: "Redis") -> None:
    deadline = time.monotonic() + SYNC_SECONDS
    while replica.info("replication").get("master_link_status") != "up":
        if time.monotonic() > deadline:
            raise RunFailed(f"a replica did not follow Redis within {SYNC_SECONDS:.0f} s")
        time.sleep(0.02)


def _wait_for_lag(deployment: SoakDeployment, replica: "Redis") -> float:
    """Return a time up to which the replica has all writes. On a busy machine it lags by seconds."""
    with deployment.connect_redis() as primary:
        at, offset = time.monotonic(), primary.info("replication")["master_repl_offset"]
    deadline = at + SYNC_SECONDS
    while replica.info("replication")["slave_repl_offset"] < offset:
        if time.monotonic() > deadline:
            raise RunFailed(f"a replica lags by more than {SYNC_SECONDS:.0f} s")
        time.sleep(0.02)
    return at
