"""Redis servers that lose their last writes, as real ones do: by a truncated append-only file, or by a failover.

A test calls `keep` at the moment that survives. `lose` takes the server back to it, at the same address.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from redis import Redis

from finishd.run.embedded_redis import RedisServer
from finishd.testing.persistent_redis import PersistentRedis
from finishd.testing.proxy import Proxy

SYNC_SECONDS: Final = 15.0


class LossyRedis(Protocol):
    """A server that can lose what was written after the last `keep`."""

    url: str

    def keep(self) -> None:
        """Let everything that was written until now survive."""

    def lose(self) -> None:
        """Lose everything that was written after `keep`. The server runs again when this returns."""

    def close(self) -> None: ...


class TruncatedAof:
    """A server whose machine loses power: the end of the append-only file was not on the disk yet."""

    def __init__(self, directory: Path) -> None:
        self._server = PersistentRedis(directory, fsync="everysec")
        self._directory = directory
        self.url = self._server.url
        self._size = 0

    def keep(self) -> None:
        self._size = get_append_only_file(self._directory).stat().st_size

    def lose(self) -> None:
        self._server.stop()
        truncate(self._directory, self._size)
        self._server.start()

    def close(self) -> None:
        self._server.close()


class PromotedReplica:
    """A primary with a replica that lags, and is promoted when the primary dies."""

    def __init__(self, directory: Path) -> None:
        self._servers = [PersistentRedis(_make(directory / name)) for name in ("primary", "replica")]
        primary, replica = self._servers
        self._proxy = Proxy(_get_address(primary))
        self.url = f"redis://{self._proxy.host}/0"
        with Redis.from_url(primary.url) as client:
            # By default a primary waits 5 s for further replicas.
            client.config_set("repl-diskless-sync-delay", 0)
        with Redis.from_url(replica.url) as client:
            client.replicaof("127.0.0.1", str(primary.port))
        self._wait_until_synchronised()

    def keep(self) -> None:
        """Let the replica receive all writes, and none of those that follow."""
        self._wait_until_synchronised()
        with Redis.from_url(self._servers[1].url) as client:
            client.replicaof("NO", "ONE")

    def lose(self) -> None:
        self._servers[0].stop()
        self._proxy.switch("refuse")
        self._proxy.forward_to(_get_address(self._servers[1]))
        self._proxy.switch("pass")

    def close(self) -> None:
        self._proxy.close()
        for server in self._servers:
            server.close()

    def _wait_until_synchronised(self) -> None:
        deadline = time.monotonic() + SYNC_SECONDS
        primary, replica = (Redis.from_url(server.url) for server in self._servers)
        with primary, replica:
            while not _is_synchronised(primary, replica):
                assert time.monotonic() < deadline, "the replica does not follow its primary"
                time.sleep(0.02)


class RestoredFile:
    """A server that is restored from a copy of its directory."""

    def __init__(self, directory: Path) -> None:
        self._data, self._copy = _make(directory / "data"), directory / "copy"
        self._server = PersistentRedis(self._data)
        self.url = self._server.url

    def keep(self) -> None:
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._data, self._copy)

    def lose(self) -> None:
        self._server.stop()
        shutil.rmtree(self._data)
        shutil.copytree(self._copy, self._data)
        self._server.start()

    def close(self) -> None:
        self._server.close()


LOSSES: Final[Mapping[str, Callable[[Path], LossyRedis]]] = {
    "truncated append-only file": TruncatedAof,
    "promoted replica": PromotedReplica,
    "restored file": RestoredFile,
}


@contextmanager
def lossy_redis(loss: str, directory: Path) -> Iterator[LossyRedis]:
    """Start a server of this kind in a directory."""
    server = LOSSES[loss](directory)
    try:
        yield server
    finally:
        server.close()


def get_append_only_file(directory: Path) -> Path:
    """Return the file that a server in this directory appends to."""
    files = (directory / "appendonlydir").glob("*.incr.aof")
    return max(files, key=lambda path: int(path.name.split(".")[2]))


def truncate(directory: Path, size: int) -> None:
    """Cut the append-only file of a stopped server to `size` bytes."""
    with get_append_only_file(directory).open("r+b") as file:
        file.truncate(size)


def _make(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _get_address(server: RedisServer) -> str:
    return f"127.0.0.1:{server.port}"


def _is_synchronised(primary: "Redis", replica: "Redis") -> bool:
    state = replica.info("replication")
    offset: int = primary.info("replication")["master_repl_offset"]
    return state.get("master_link_status") == "up" and state["slave_repl_offset"] >= offset
