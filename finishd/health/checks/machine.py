"""This process's clock, and the disks of its machine."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from core.observability import clocks
from finishd.health.check import Details, NotReady

_MEGABYTE = 1_000_000


def check_clock() -> Details:
    """Compare the clock with those of Redis and SQL. Cost: 1 round trip, 1 SQL."""
    try:
        offsets = clocks.measure_offsets()
    finally:
        connection.close()
    measured = {"offsetSeconds": {server: round(offset, 3) for server, offset in offsets.items()}}
    if clocks.is_skewed(offsets):
        wrong = clocks.find_wrong_clock(offsets) or "unknown"
        raise NotReady("clock_skew", clocks.describe_skew(offsets), wrong=wrong, **measured)
    return measured


def check_disk() -> Details:
    """Require MIN_FREE_DISK_MB on each disk that this process writes to. No calls."""
    free = min(shutil.disk_usage(folder).free for folder in _get_folders()) // _MEGABYTE
    if free < settings.MIN_FREE_DISK_MB:
        reason = (
            f"A disk of this machine has {free} MB left. MIN_FREE_DISK_MB is {settings.MIN_FREE_DISK_MB}."
        )
        raise NotReady("disk_low", reason, freeMegabytes=free)
    return {"freeMegabytes": free}


def _get_folders() -> Iterator[Path]:
    """Yield the existing folders of data, of temporary files, and of an SQLite database."""
    paths = [settings.FINISHD_DATA, Path(tempfile.gettempdir())]
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():  # type: ignore[attr-defined]
        paths.append(Path(connection.settings_dict["NAME"]))
    for path in paths:
        yield next(folder for folder in (path, *path.parents) if folder.is_dir())
