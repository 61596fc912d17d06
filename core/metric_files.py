"""Files of metrics whose disk blocks are reserved before they are mapped into memory.

prometheus_client maps sparse files. A write to a hole of one on a full disk raises SIGBUS, which ends the process. Here
a file is mapped only when all its blocks exist, so a write never needs space (docs/decisions/0033). Values for which
there is no space wait in the memory of their process, and move to the file when the disk has space again.
"""

import logging
import mmap
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from prometheus_client.mmap_dict import MmapedDict

RETRY_SECONDS: Final = 10.0  # between two attempts to reserve space
FIRST_SIZE: Final = 1 << 16  # bytes of a new file; it doubles when it is full
_ENTRY_BYTES: Final = 28  # of an entry at most, besides its key

logger = logging.getLogger(__name__)


class MetricFile:
    """A process's values by key, for prometheus_client in place of its MmapedDict. Not thread-safe, like that."""

    def __init__(self, filename: str) -> None:
        self._path = Path(filename)
        self._stored: Any = None  # a _ReservedDict; prometheus_client's classes are untyped
        self._waiting: dict[str, tuple[float, float]] = {}
        self._next_attempt = 0.0  # monotonic seconds

    def read_value(self, key: str) -> tuple[float, float]:
        """Return the value of a key and its timestamp. A new key has (0, 0)."""
        stored = self._find(key)
        if stored is None:
            return self._waiting.setdefault(key, (0.0, 0.0))
        value: tuple[float, float] = stored.read_value(key)
        return value

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Set the value of a key. Cost: a microsecond."""
        stored = self._find(key)
        if stored is None:
            self._waiting[key] = value, timestamp
        else:
            stored.write_value(key, value, timestamp)

    def close(self) -> None:
        if self._stored is not None:
            self._stored.close()

    def _find(self, key: str) -> Any:
        """Return the file if it holds the key or has space for it, else None."""
        if self._stored is not None and self._stored.has(key):
            return self._stored
        return self._stored if self._reserve(key) else None

    def _reserve(self, key: str) -> bool:
        """Make room for a new key and the waiting ones, and write those. Return False if the disk has no space."""
        now = time.monotonic()
        if now < self._next_attempt:
            return False
        try:
            self._stored = self._stored or _ReservedDict(self._path)
            self._stored.make_room([key, *self._waiting])
        except OSError as error:
            self._next_attempt = now + RETRY_SECONDS
            logger.warning(
                "metrics: no space in %s, so new values stay in this process: %s", self._path, error
            )
            return False
        for waiting, (value, timestamp) in self._waiting.items():
            self._stored.write_value(waiting, value, timestamp)
        self._waiting.clear()
        return True


class _ReservedDict(MmapedDict):
    """A file that is mapped whole and has no holes."""

    def __init__(self, path: Path) -> None:
        """Open the file, and create it if it is missing. Raises OSError if the disk has no space for it."""
        if path.exists():
            with path.open("r+b") as file:  # an earlier version may have left holes
                _reserve_blocks(file.fileno(), max(path.stat().st_size, FIRST_SIZE))
        else:
            _create(path)
        super().__init__(str(path))  # type: ignore[no-untyped-call]

    def has(self, key: str) -> bool:
        return key in self._positions

    def make_room(self, keys: list[str]) -> None:
        """Grow the file until the keys fit. Raises OSError, and then changes nothing."""
        capacity, needed = self._capacity, sum(len(key.encode()) + _ENTRY_BYTES for key in keys)
        while self._used + needed > capacity:
            capacity *= 2
        if capacity > self._capacity:
            _reserve_blocks(self._f.fileno(), capacity)
            self._m = mmap.mmap(self._f.fileno(), capacity)
            self._capacity = capacity


def _create(path: Path) -> None:
    """Create a file of zeros. It gets its name when it is complete, because other processes read it."""
    new = path.with_suffix(".new")
    try:
        with new.open("wb") as file:
            _reserve_blocks(file.fileno(), FIRST_SIZE)
        new.rename(path)
    finally:
        new.unlink(missing_ok=True)


def _reserve_blocks(file: int, size: int) -> None:
    """Extend a file without holes to `size` bytes. Raises OSError if the disk has no space."""
    if sys.platform == "darwin":
        start = os.fstat(file).st_size
        os.pwrite(file, bytes(size - start), start)
    else:
        os.posix_fallocate(file, 0, size)
