"""Adding to counts: the one statement that is written in SQL. Django can insert or overwrite rows, not add to them."""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from analytics.fold import Row
from core.sql.json_rows import SqlType, pack_rows, select_rows_sql

ROWS: Final = 2_000  # of one statement


_COLUMNS: Final[dict[str, SqlType]] = {
    "item": "text",
    "span": "text",
    "start": "bigint",
    "kind": "text",
    "events": "bigint",
    "votes": "bigint",
    "seconds": "bigint",
}


def add(added: Sequence[Row]) -> None:
    """Add to counts, in the caller's transaction. Cost: 1 SQL for 2,000 rows.

    In one order everywhere, so that two shards that meet in a row never wait for each other in a circle.
    """
    ordered = sorted(added)
    sums = ", ".join(
        f"{name} = analytics_count.{name} + excluded.{name}" for name in ("events", "votes", "seconds")
    )
    statement = (
        f"INSERT INTO analytics_count ({', '.join(_COLUMNS)}) {select_rows_sql(_COLUMNS)} "
        f"ON CONFLICT (item, span, start, kind) DO UPDATE SET {sums}"
    )
    with connection.cursor() as cursor:
        for start in range(0, len(ordered), ROWS):
            cursor.execute(statement, [pack_rows(ordered[start : start + ROWS])])
