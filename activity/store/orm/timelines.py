"""Durable timelines: rows with the key (viewer, author, title)."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection
from django.db.models import Q

from activity.models import TimelineRow as Row
from activity.store.meter import count_documents
from activity.store.orm.calls import store_call
from activity.types import TimelineRow
from core.sql.json_rows import SqlType, pack_rows, select_rows_sql

_KEY: Final = ("viewer", "author", "title")
_COLUMNS: Final[dict[str, SqlType]] = {
    "at": "bigint",
    "status": "text",
    "favorite": "boolean",
    "rating": "bigint",
    "author_name": "text",
    "author_picture": "text",
}
_ALL_COLUMNS: Final[dict[str, SqlType]] = {**dict.fromkeys(_KEY, "text"), **_COLUMNS}
# Django 5.2 turns `pk__in` with a composite key and a slice into an EXISTS that applies the slice to the wrong rows.
_TRIM: Final = """
    DELETE FROM activity_timelinerow WHERE (viewer, author, title) IN (
        SELECT viewer, author, title FROM activity_timelinerow
        WHERE viewer = %s ORDER BY at DESC, author, title LIMIT %s OFFSET %s
    )
"""
_ERASE: Final = """
    DELETE FROM activity_timelinerow WHERE (viewer, author, title) IN (
        SELECT viewer, author, title FROM activity_timelinerow WHERE viewer = %s OR author = %s LIMIT %s
    )
"""
_CONDITIONS_PER_DELETE = 200  # SQLite limits the depth of a condition


class Timelines:
    @store_call
    def get_timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        newest = Row.objects.filter(viewer=uid).order_by("-at", "author", "title")
        rows = list(newest.values_list("author", "title", *_COLUMNS)[:limit])
        count_documents(len(rows))
        return [TimelineRow(*row) for row in rows]

    @store_call
    def put_timeline_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        count_documents(len(rows))
        values = [
            (viewer, row.author, row.title, *(getattr(row, column) for column in _COLUMNS))
            for viewer, row in rows
        ]
        updates = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)
        statement = (
            f"INSERT INTO activity_timelinerow ({', '.join(_ALL_COLUMNS)}) {select_rows_sql(_ALL_COLUMNS)} "
            f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {updates}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [pack_rows(values)])

    @store_call
    def delete_timeline_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        count_documents(len(keys))
        viewers: dict[tuple[str, str], list[str]] = {}
        for viewer, author, title in keys:
            viewers.setdefault((author, title), []).append(viewer)
        conditions = [
            Q(author=author, title=title, viewer__in=uids) for (author, title), uids in viewers.items()
        ]
        for start in range(0, len(conditions), _CONDITIONS_PER_DELETE):
            Row.objects.filter(reduce(or_, conditions[start : start + _CONDITIONS_PER_DELETE])).delete()

    @store_call
    def get_titles_by_author(self, uid: str, author: str, *, limit: int = 500) -> list[str]:
        rows = Row.objects.filter(viewer=uid, author=author).order_by("title")
        titles = list(rows.values_list("title", flat=True)[:limit])
        count_documents(len(titles))
        return titles

    @store_call
    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        deleted = _delete(_TRIM, [uid, limit, keep])
        count_documents(2 * deleted)
        return deleted


def delete_rows_naming(uid: str, limit: int) -> int:
    """Delete up to `limit` rows with the person as viewer or author, and return their number. 1 SQL."""
    return _delete(_ERASE, [uid, uid, limit])


def _delete(statement: str, parameters: list[str | int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
