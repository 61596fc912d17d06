"""Keep the files of SQLite's write-ahead log, so that reads work on a full disk."""

import logging
import sqlite3
from pathlib import Path
from typing import Final

from django.db import connection

logger = logging.getLogger(__name__)
_kept: Final[list[sqlite3.Connection]] = []


def keep_log_files() -> None:
    """Open a connection that stays open until this process ends. Do nothing for another database.

    SQLite deletes the files of its write-ahead log when the last connection closes, and creates them for the next one,
    also if that only reads. On a full disk it cannot. The connection is idle, so it holds no lock that others wait for.
    Call it in a process that does not fork, because a fork must not inherit a connection.
    """
    if connection.vendor != "sqlite":
        return
    url = Path(connection.settings_dict["NAME"]).absolute().as_uri()
    try:
        kept = sqlite3.connect(f"{url}?mode=rw", uri=True, check_same_thread=False)
        kept.execute(
            "SELECT 1 FROM sqlite_master"
        ).fetchone()  # a connection opens its files when it first reads
    except sqlite3.Error as error:
        logger.warning("SQLite: the log files are not kept open, reads may fail on a full disk: %s", error)
    else:
        _kept.append(kept)
