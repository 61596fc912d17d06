"""A slot number for each process that shares a directory.

A slot is free again when its process ends, so a new process continues the files of a dead one. With process ids, files
would accumulate, and two containers that share a volume could use the same id.
"""

import fcntl
import logging
import os
import time
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO, Final

NO_SLOT: Final = -1
RETRY_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)

# Slot files stay open in a fork too: closing one would release all locks of this process on that file.
_open_files: Final[list[IO[str]]] = []
_next_attempts: Final[dict[str, float]] = {}  # by directory, after a failure; monotonic seconds


def get_process_slot(directory: str) -> int:
    """Return this process's slot in the directory: the lowest number that no living process has.

    NO_SLOT if the directory cannot be written to, for example on a full disk; then it tries again every ten seconds.
    Not thread-safe; prometheus_client calls it under a lock.
    """
    if _next_attempts and time.monotonic() < _next_attempts.get(directory, 0.0):
        return NO_SLOT
    try:
        return _acquire_slot(directory, os.getpid())
    except OSError as error:
        _next_attempts[directory] = time.monotonic() + RETRY_SECONDS
        logger.warning("metrics: no slot in %s, so this process counts for itself: %s", directory, error)
        return NO_SLOT


@lru_cache(maxsize=1)
def _acquire_slot(name: str, _process_id: int) -> int:
    """Lock a slot's file until the process ends. The first process in a directory deletes the old metrics.

    A fork has another process id, so it acquires a slot of its own. Raises OSError.
    """
    directory = Path(name)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / "slots.lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if all(_is_slot_free(path) for path in directory.glob("*.slot")):
            for path in directory.glob("*.db"):
                path.unlink()
        for number in count():
            file = (directory / f"{number}.slot").open("a")
            if _try_lock(file):
                _open_files.append(file)
                return number
            file.close()
    raise AssertionError  # count() does not end


def _is_slot_free(path: Path) -> bool:
    with path.open("a") as file:
        return _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    # lockf, not flock: a fork would inherit an flock, and with it the slot of a dead parent.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
