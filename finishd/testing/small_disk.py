"""A disk of some MiB for one test, which the test can fill."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

_FILL: Final = "fill"


class SmallDisk:
    """A tmpfs in a mount namespace of its own. It is gone when its processes have ended, whatever the test does.

    Only processes that are started by `command` see it, as `directory`. The test sees it as `path`.
    """

    def __init__(self, directory: Path, *, mebibytes: int) -> None:
        """Mount the disk. Skips the test where processes may not create namespaces."""
        if shutil.which("unshare") is None or shutil.which("nsenter") is None:
            pytest.skip("a small disk needs Linux with util-linux's unshare and nsenter")
        self.directory = directory
        self._options = [] if os.geteuid() == 0 else ["--map-root-user"]
        script = 'mount -t tmpfs -o size=$1m tmpfs "$0" && echo mounted && exec sleep 3600'
        self._holder = subprocess.Popen(
            ["unshare", "--mount", *self._options, "sh", "-c", script, directory, str(mebibytes)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stderr is not None
        if self._holder.stdout.readline() != "mounted\n":
            reason = self._holder.stderr.read().strip()
            self.close()
            pytest.skip(f"this machine does not allow mounts in a namespace: {reason}")

    @property
    def path(self) -> Path:
        return Path(f"/proc/{self._holder.pid}/root{self.directory}")

    def command(self, *arguments: str, cwd: Path) -> list[str]:
        """Return the command line of a process that sees the disk."""
        user = ["--user", "--preserve-credentials"] if self._options else []
        enter = ["nsenter", "--target", str(self._holder.pid), "--mount", *user]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(cwd), *arguments]

    def fill(self) -> None:
        """Write a file until nothing more fits."""
        with (self.path / _FILL).open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.path / _FILL).unlink()

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()


@contextmanager
def small_disk(directory: Path, *, mebibytes: int) -> Iterator[SmallDisk]:
    """Mount a disk for this block on the directory, which must exist."""
    disk = SmallDisk(directory, mebibytes=mebibytes)
    try:
        yield disk
    finally:
        disk.close()
