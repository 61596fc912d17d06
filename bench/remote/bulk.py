"""Rows into a table as fast as the database takes them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from django.db import connection, transaction

_BATCH_ROWS = 10_000  # rows of one executemany


def insert_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """In one transaction: COPY on PostgreSQL, executemany on SQLite. The names come from the code."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            return
        places = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"
        whole = iter(rows)
        while batch := list(islice(whole, _BATCH_ROWS)):
            cursor.executemany(statement, batch)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
