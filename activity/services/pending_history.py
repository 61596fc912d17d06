"""Pending history: history deltas in SQL that the activity store does not have yet.

A row is inserted in the transaction that advances the reader's checkpoint. So none is lost and none is inserted twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.forms.models import model_to_dict

from activity.models import PendingHistory
from activity.types import HistoryDelta, StoredDocument, StoreUnavailable
from analytics.types import is_entry_id
from core.codecs import convert
from core.outages import SqlUnavailable
from core.units import LATEST_TIME

MAX_ROWS_PER_VIEWER: Final = 1_000  # in one read; a viewer has some hundreds in ten minutes at most
_ROWS_PER_INSERT: Final = 500
_COLUMNS: Final = ("stream", "end_id")  # the fields of a delta that have columns of their own


def insert(deltas: Mapping[str, HistoryDelta], *, now: float) -> None:
    """Insert one row per viewer, in the current transaction. Cost: 1 SQL query per 500 viewers (SQLite: per 160)."""
    due = now + settings.HISTORY_FLUSH_SECONDS
    rows = [
        PendingHistory(
            uid=uid, stream=d.stream, end_id=d.end_id, delta=to_document(d), created_at=now, due=due
        )
        for uid, d in deltas.items()
    ]
    PendingHistory.objects.bulk_create(rows, batch_size=_ROWS_PER_INSERT)


def get_for(uid: str) -> list[HistoryDelta]:
    """Return a viewer's pending deltas, the newest 1,000, without unreadable ones. Cost: 1 SQL query.

    Raises StoreUnavailable if the database is unavailable.
    """
    try:
        rows = _rows(uid).order_by("-pk")[:MAX_ROWS_PER_VIEWER]
        return [delta for row in rows if (delta := to_delta(row)) is not None]
    except SqlUnavailable as reason:
        raise StoreUnavailable(str(reason), retry_after=reason.retry_after) from reason


def get_due_uids(*, now: float, limit: int) -> list[str]:
    """Return the viewers with a due row, the longest overdue first. Cost: 1 SQL query, over all due rows."""
    overdue = PendingHistory.objects.filter(due__lte=now).values("uid").annotate(first=Min("due"))
    return [row["uid"] for row in overdue.order_by("first", "uid")[:limit]]


def lease_rows(uid: str, *, now: float) -> list[PendingHistory]:
    """Lease a due viewer's oldest 1,000 rows; return none if another process leased them.

    No row of the viewer is due again for HISTORY_FLUSH_SECONDS, whether or not the flush succeeds.
    Cost: 2 SQL queries, 3 if there may be more rows.
    """
    later = now + settings.HISTORY_FLUSH_SECONDS
    if not _rows(uid).filter(due__lte=now).update(due=later):
        return []
    rows = list(_rows(uid).order_by("pk")[:MAX_ROWS_PER_VIEWER])
    if len(rows) == MAX_ROWS_PER_VIEWER:
        _rows(uid).update(due=later)
    return rows


def get_backlog(*, now: float) -> tuple[int, float]:
    """Return the number of pending rows and the age of the oldest in seconds. Cost: 1 SQL query, a table scan."""
    found = PendingHistory.objects.aggregate(number=Count("pk"), oldest=Min("created_at"))
    return found["number"], max(now - (found["oldest"] or now), 0.0)


def delete(rows: Sequence[PendingHistory]) -> None:
    """Delete rows that the store has. Cost: 1 SQL query per 500 rows."""
    PendingHistory.objects.filter(pk__in=[row.pk for row in rows]).delete()


def delete_for(uid: str) -> None:
    """Delete all rows of a person. Cost: 1 SQL query."""
    _rows(uid).delete()


def export(uid: str) -> Iterator[StoredDocument]:
    """Yield a person's pending rows, oldest first."""
    for row in _rows(uid).order_by("pk").iterator(chunk_size=MAX_ROWS_PER_VIEWER):
        yield model_to_dict(row)


def to_delta(row: PendingHistory) -> HistoryDelta | None:
    """Return the delta of a row, None if it is unreadable."""
    delta = convert(HistoryDelta, row.delta, stream=row.stream, end_id=row.end_id)
    is_readable = delta is not None and is_entry_id(delta.end_id) and 0 <= delta.affinity_at < LATEST_TIME
    return delta if is_readable else None


def to_document(delta: HistoryDelta) -> StoredDocument:
    """Return what the column `delta` holds."""
    return {name: value for name, value in asdict(delta).items() if name not in _COLUMNS}


def _rows(uid: str) -> QuerySet[PendingHistory]:
    return PendingHistory.objects.filter(uid=uid)
