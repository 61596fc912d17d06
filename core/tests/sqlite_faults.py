"""Faults that make SQLite fail: each raises the error of a result code, on a database of its own."""

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from django.db import connection

from core.sql.sqlite3.base import DatabaseWrapper

INSERT: Final = "INSERT INTO thing VALUES (randomblob(100000))"


def open_database(path: Path) -> DatabaseWrapper:
    """Return our backend's connection to a file, which does not wait for locks."""
    options: dict[str, Any] = {"OPTIONS": {"timeout": 0}, "ENGINE": "core.sql.sqlite3", "NAME": str(path)}
    return DatabaseWrapper({**connection.settings_dict, **options}, alias="broken")


def execute(path: Path, *statements: str) -> None:
    """Run statements by our backend, and fetch the rows of the last."""
    database = open_database(path)
    try:
        with database.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            cursor.fetchall()
    finally:
        database.close()


def make_database(path: Path) -> Path:
    database = sqlite3.connect(path)
    database.executescript(f"CREATE TABLE thing (value); {INSERT};")
    database.close()
    return path


def write_while_locked(path: Path) -> None:
    """SQLITE_BUSY: another connection writes."""
    other = sqlite3.connect(make_database(path))
    try:
        other.execute("BEGIN IMMEDIATE")
        execute(path, INSERT)
    finally:
        other.close()


def write_read_only(path: Path) -> None:
    """SQLITE_READONLY."""
    execute(make_database(path), "PRAGMA query_only = ON", INSERT)


def read_corrupt(path: Path) -> None:
    """SQLITE_CORRUPT: pages after the first were overwritten."""
    content = make_database(path).read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    execute(path, "SELECT value FROM thing")


def write_full(path: Path) -> None:
    """SQLITE_FULL: the database may not grow."""
    execute(make_database(path), "PRAGMA max_page_count = 1", INSERT)


def open_missing(path: Path) -> None:
    """SQLITE_CANTOPEN: the directory does not exist."""
    execute(path / "missing" / "db", "SELECT 1")


def read_other_format(path: Path) -> None:
    """SQLITE_NOTADB."""
    path.write_bytes(b"This is no database. " * 1_000)
    execute(path, "SELECT 1 FROM sqlite_master")


# By result code.
SQLITE_FAULTS: Final[Mapping[int, Callable[[Path], None]]] = {
    5: write_while_locked,
    8: write_read_only,
    11: read_corrupt,
    13: write_full,
    14: open_missing,
    26: read_other_format,
}
