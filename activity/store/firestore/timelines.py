"""Durable timelines: one collection of rows per viewer.

Phones may read these documents (see `firestore.rules`), so their field names are part of the interface to the app.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from google.cloud.firestore_v1 import Query
from google.cloud.firestore_v1.base_query import FieldFilter

from activity.store.firestore import calls, layout
from activity.store.firestore.calls import Write, bulk_store_call, store_call
from activity.store.meter import count_documents
from activity.types import StoredDocument, TimelineRow
from core.codecs import convert

# Fields of a row that have another name in the document.
_DOCUMENT_NAMES: Final = {
    "author": "actor",
    "author_name": "actor_name",
    "author_picture": "actor_picture",
}
_FIELDS: Final = {name: field for field, name in _DOCUMENT_NAMES.items()}


class Timelines:
    @store_call
    def get_timeline(self, uid: str, *, limit: int = 100) -> list[TimelineRow]:
        newest = layout.rows(uid).order_by("at", direction=Query.DESCENDING).limit(limit)
        snapshots = calls.run_query(newest)
        count_documents(len(snapshots))
        found = (from_document(snapshot.to_dict() or {}) for snapshot in snapshots)
        rows = [row for row in found if row is not None]
        return sorted(rows, key=lambda row: (-row.at, row.author, row.title))

    @bulk_store_call
    def put_timeline_rows(self, rows: Sequence[tuple[str, TimelineRow]]) -> None:
        count_documents(len(rows))
        calls.write_bulk(
            Write("set", layout.row(viewer, row.author, row.title), to_document(viewer, row))
            for viewer, row in rows
        )

    @bulk_store_call
    def delete_timeline_rows(self, keys: Sequence[tuple[str, str, str]]) -> None:
        count_documents(len(keys))
        calls.write_bulk(Write("delete", layout.row(*key)) for key in keys)

    @store_call
    def get_titles_by_author(self, uid: str, author: str, *, limit: int = 500) -> list[str]:
        query = layout.rows(uid).where(filter=FieldFilter("actor", "==", author)).limit(limit)
        titles = sorted(snapshot.get("title") for snapshot in calls.run_query(query))
        count_documents(len(titles))
        return titles

    @bulk_store_call
    def trim_timeline(self, uid: str, *, keep: int, limit: int = 500) -> int:
        rows = Query(layout.rows(uid))
        number = calls.count_matches(rows)
        count_documents(1)
        surplus = min(number - keep, limit)
        if surplus <= 0:
            return 0
        # Oldest first, so that only rows to delete are read.
        oldest = calls.run_query(rows.order_by("at").limit(surplus).select(["at"]))
        count_documents(2 * len(oldest))
        calls.write_bulk(Write("delete", snapshot.reference) for snapshot in oldest)
        return len(oldest)


def to_document(viewer: str, row: TimelineRow) -> StoredDocument:
    fields = {_DOCUMENT_NAMES.get(field, field): value for field, value in asdict(row).items()}
    return {"viewer": viewer, **fields}


def from_document(document: StoredDocument) -> TimelineRow | None:
    """Return the row in a document, None if it is unreadable. Unknown fields are ignored."""
    return convert(TimelineRow, {_FIELDS.get(name, name): value for name, value in document.items()})
