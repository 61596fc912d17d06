"""Durable timelines: a collection of rows a viewer."""

from collections.abc import Sequence
from dataclasses import asdict

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout
from activity.store.firestore.calls import Write, call, long_call
from activity.store.firestore.layout import Snapshot
from activity.store.meter import note_documents
from activity.types import TimelineRow


class Timelines:
    @call
    def timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        newest = layout.rows(uid).order_by("at", direction=Query.DESCENDING).limit(limit)
        rows = [_row(there) for there in calls.find(newest)]
        note_documents(len(rows))
        return sorted(rows, key=lambda row: (-row.at, row.actor, row.title))

    @long_call
    def put_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        note_documents(len(rows))
        calls.bulk(
            Write("set", layout.row(viewer, row.actor, row.title), {"viewer": viewer, **asdict(row)})
            for viewer, row in rows
        )

    @long_call
    def drop_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        note_documents(len(keys))
        calls.bulk(Write("delete", layout.row(*key)) for key in keys)

    @call
    def rows_from(self, uid: str, actor: str, *, limit: int = 500) -> list[str]:
        query = layout.rows(uid).where(filter=FieldFilter("actor", "==", actor)).limit(limit)
        found = sorted(there.get("title") for there in calls.find(query))
        note_documents(len(found))
        return found

    @long_call
    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        rows = Query(layout.rows(uid))
        there = calls.count(rows)
        note_documents(1)
        surplus = min(there - keep, limit)
        if surplus <= 0:
            return 0
        # Backwards, so that what is read is what goes, not what is kept.
        old = calls.find(rows.order_by("at").limit(surplus).select(["at"]))
        note_documents(2 * len(old))
        calls.bulk(Write("delete", row.reference) for row in old)
        return len(old)


def _row(there: Snapshot) -> TimelineRow:
    fields = there.to_dict() or {}
    del fields["viewer"]
    return TimelineRow(**fields)
