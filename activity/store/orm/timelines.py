"""Durable timelines: rows of (viewer, actor, title)."""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final

from django.db import connection
from django.db.models import Q

from activity.models import Delivery
from activity.store.meter import note_documents
from activity.store.orm.calls import call
from activity.types import TimelineRow
from core.sql.json_rows import SqlType, pack_rows, select_rows_sql

_IDENTITY: Final = ("viewer", "actor", "title")
_COLUMNS: Final[dict[str, SqlType]] = {
    "at": "bigint",
    "status": "text",
    "favorite": "boolean",
    "rating": "bigint",
    "actor_name": "text",
    "actor_picture": "text",
}
_ALL: Final[dict[str, SqlType]] = {**dict.fromkeys(_IDENTITY, "text"), **_COLUMNS}
_DELETED_AT_ONCE = 200  # SQLite's bound on the depth of a condition


class Timelines:
    @call
    def timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        newest = Delivery.objects.filter(viewer=uid).order_by("-at", "actor", "title")
        rows = list(newest.values_list("actor", "title", *_COLUMNS)[:limit])
        note_documents(len(rows))
        return [TimelineRow(*row) for row in rows]

    @call
    def put_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        note_documents(len(rows))
        values = [
            (viewer, row.actor, row.title, *(getattr(row, c) for c in _COLUMNS)) for viewer, row in rows
        ]
        news = ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS)
        statement = (
            f"INSERT INTO activity_delivery ({', '.join(_ALL)}) {select_rows_sql(_ALL)} "
            f"ON CONFLICT ({', '.join(_IDENTITY)}) DO UPDATE SET {news}"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement, [pack_rows(values)])

    @call
    def drop_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        note_documents(len(keys))
        viewers: dict[tuple[str, str], list[str]] = {}
        for viewer, actor, title in keys:
            viewers.setdefault((actor, title), []).append(viewer)
        wholes = [Q(actor=actor, title=title, viewer__in=who) for (actor, title), who in viewers.items()]
        for start in range(0, len(wholes), _DELETED_AT_ONCE):
            Delivery.objects.filter(reduce(or_, wholes[start : start + _DELETED_AT_ONCE])).delete()

    @call
    def rows_from(self, uid: str, actor: str, *, limit: int = 500) -> list[str]:
        rows = Delivery.objects.filter(viewer=uid, actor=actor).order_by("title")
        found = list(rows.values_list("title", flat=True)[:limit])
        note_documents(len(found))
        return found

    @call
    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        surplus = Delivery.objects.filter(viewer=uid).order_by("-at", "actor", "title")
        old = surplus.values("pk")[keep : keep + limit]
        deleted, _ = Delivery.objects.filter(pk__in=old).delete()
        note_documents(2 * deleted)
        return deleted
