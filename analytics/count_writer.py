"""Add to counts. This is the app's only upsert in SQL: Django's can overwrite a row, but cannot add to it."""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from analytics.counting import CountDelta
from core.sql.json_rows import SqlType, pack_rows, select_rows_sql

ROWS_PER_STATEMENT: Final = 2_000

_COLUMNS: Final[dict[str, SqlType]] = {
    "item": "text",
    "period": "text",
    "period_start": "bigint",
    "kind": "text",
    "events": "bigint",
    "votes": "bigint",
    "watched_seconds": "bigint",
}


def add_counts(deltas: Sequence[CountDelta]) -> None:
    """Add to counts, in the caller's transaction. Cost: 1 SQL for every 2,000 rows.

    Rows are always locked in the same order, so that two readers that change the same rows cannot deadlock.
    """
    ordered = sorted(deltas)
    sums = ", ".join(
        f"{name} = analytics_count.{name} + excluded.{name}"
        for name in ("events", "votes", "watched_seconds")
    )
    statement = (
        f"INSERT INTO analytics_count ({', '.join(_COLUMNS)}) {select_rows_sql(_COLUMNS)} "
        f"ON CONFLICT (item, period, period_start, kind) DO UPDATE SET {sums}"
    )
    with connection.cursor() as cursor:
        for start in range(0, len(ordered), ROWS_PER_STATEMENT):
            cursor.execute(statement, [pack_rows(ordered[start : start + ROWS_PER_STATEMENT])])
