"""A Redis server for one test that writes to disk, so that it keeps its data when it is killed and restarted."""

from pathlib import Path

from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard


class PersistentRedis(RedisServer):
    """A started server with its own guard. `fsync` is Redis's `appendfsync`."""

    def __init__(self, directory: Path, *, fsync: str = "everysec") -> None:
        self._own = Guard()
        super().__init__(directory=directory, guard=self._own, fsync=fsync)

    def close(self) -> None:
        self.stop()
        self._own.close()
