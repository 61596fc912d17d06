"""A Redis of a test's own that keeps what it is told, to be killed and started again."""

from pathlib import Path

from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard


class PersistentRedis(RedisServer):
    """Started at once, with a guard of its own. `fsync` is Redis's `appendfsync`."""

    def __init__(self, directory: Path, *, fsync: str = "everysec") -> None:
        self._own = Guard()
        super().__init__(directory=directory, guard=self._own, fsync=fsync)

    def close(self) -> None:
        self.stop()
        self._own.close()
