"""Plain SQL: fast inserts of many rows, and statements without results."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction

_BATCH_ROWS = 10_000


def insert_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows in one transaction, with COPY on PostgreSQL and executemany on SQLite.

    The names of the table and the columns are not escaped. They are constants of the code.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        placeholders = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({placeholders})"
        remaining = iter(rows)
        while batch := list(islice(remaining, _BATCH_ROWS)):
            cursor.executemany(statement, batch)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
