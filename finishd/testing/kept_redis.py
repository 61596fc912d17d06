"""A Redis of a test's own that keeps what it is told, to be killed and started again."""

import signal
import subprocess
import time
from pathlib import Path

from finishd.run.embedded_redis import answers, command
from finishd.run.guard import Guard, signal_process
from finishd.run.ports import free_port


class KeptRedis:
    """Started at once, on a port that stays its own. `fsync` is Redis's `appendfsync`."""

    def __init__(self, directory: Path, *, fsync: str = "everysec") -> None:
        self._directory, self._fsync = directory, fsync
        self._guard = Guard()
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Returns when it has loaded its data."""
        options = command(port=self.port, directory=self._directory, persistent=True)
        self._process = subprocess.Popen(
            [*options, "--appendfsync", self._fsync], stdout=subprocess.DEVNULL, start_new_session=True
        )
        self._guard.add(self._process.pid)
        while not answers(self.port):
            time.sleep(0.02)

    def stop(self) -> None:
        """Kills it."""
        self._process.kill()
        self._process.wait()
        self._guard.remove(self._process.pid)

    def pause(self) -> None:
        """Hangs it: connections are accepted, nothing is answered."""
        signal_process(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        signal_process(self._process.pid, signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        self._guard.close()
