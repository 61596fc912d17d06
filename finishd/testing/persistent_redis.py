"""A Redis server for one test. It writes to disk and keeps its data across restarts."""

from pathlib import Path

from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard


class PersistentRedis(RedisServer):
    """A started server with its own guard. `fsync` is Redis's `appendfsync`."""

    def __init__(self, directory: Path, *, fsync: str = "everysec") -> None:
        self._own_guard = Guard()
        super().__init__(directory=directory, guard=self._own_guard, fsync=fsync)

    def close(self) -> None:
        self.stop()
        self._own_guard.close()
