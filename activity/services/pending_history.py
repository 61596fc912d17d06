"""What viewers' events came to, in SQL until the activity store has it.

A row is kept in the transaction in which the reader of the events advances, so none is lost and none is kept twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import Count, Min, QuerySet
from django.forms.models import model_to_dict

from activity.models import PendingHistory
from activity.types import HistoryDelta, StoredDocument, StoreUnavailable

MAX_ROWS_PER_VIEWER: Final = 1_000  # of one viewer, who has some hundreds in ten minutes at most
_INSERTED_AT_ONCE: Final = 500
_NAMED: Final = ("stream", "end_id")


def insert(slices: Mapping[str, HistoryDelta], *, now: float) -> None:
    """Insert one row a viewer, in the transaction under way. Cost: 1 SQL for 500 viewers (SQLite: for 160)."""
    due = now + settings.HISTORY_FLUSH_SECONDS
    rows = [
        PendingHistory(uid=uid, stream=s.stream, end_id=s.end_id, delta=_body(s), created_at=now, due=due)
        for uid, s in slices.items()
    ]
    PendingHistory.objects.bulk_create(rows, batch_size=_INSERTED_AT_ONCE)


def get_for(uid: str) -> list[HistoryDelta]:
    """What waits for the store, the newest ROWS_AT_ONCE. Cost: 1 SQL. Raises StoreUnavailable if SQL is away."""
    try:
        return [to_delta(row) for row in _rows(uid).order_by("-pk")[:MAX_ROWS_PER_VIEWER]]
    except (OperationalError, InterfaceError) as reason:
        raise StoreUnavailable(str(reason)) from reason


def get_due_uids(*, now: float, limit: int) -> list[str]:
    """Viewers with a row that is due, the longest overdue first. Cost: 1 SQL, over all rows that are due."""
    overdue = PendingHistory.objects.filter(due__lte=now).values("uid").annotate(first=Min("due"))
    return [row["uid"] for row in overdue.order_by("first", "uid")[:limit]]


def lease_rows(uid: str, *, now: float) -> list[PendingHistory]:
    """The oldest ROWS_AT_ONCE of a viewer who is due; none if somebody else claimed them.

    Nothing of theirs is due again for HISTORY_FLUSH_SECONDS, whatever becomes of these. Cost: 2 SQL, 3 if there may
    be more rows.
    """
    later = now + settings.HISTORY_FLUSH_SECONDS
    if not _rows(uid).filter(due__lte=now).update(due=later):
        return []
    rows = list(_rows(uid).order_by("pk")[:MAX_ROWS_PER_VIEWER])
    if len(rows) == MAX_ROWS_PER_VIEWER:
        _rows(uid).update(due=later)
    return rows


def get_backlog(*, now: float) -> tuple[int, float]:
    """How many rows wait, and for how many seconds the oldest of them. Cost: 1 SQL, a pass over the table."""
    found = PendingHistory.objects.aggregate(number=Count("pk"), oldest=Min("created_at"))
    return found["number"], max(now - (found["oldest"] or now), 0.0)


def delete(rows: Sequence[PendingHistory]) -> None:
    """The store has these. Cost: 1 SQL for 500 rows."""
    PendingHistory.objects.filter(pk__in=[row.pk for row in rows]).delete()


def delete_for(uid: str) -> None:
    """Cost: 1 SQL."""
    _rows(uid).delete()


def export(uid: str) -> Iterator[StoredDocument]:
    """What waits, oldest first."""
    for row in _rows(uid).order_by("pk").iterator(chunk_size=MAX_ROWS_PER_VIEWER):
        yield model_to_dict(row)


def to_delta(row: PendingHistory) -> HistoryDelta:
    return HistoryDelta(row.stream, row.end_id, **row.delta)


def _body(s: HistoryDelta) -> StoredDocument:
    return {name: value for name, value in asdict(s).items() if name not in _NAMED}


def _rows(uid: str) -> QuerySet[PendingHistory]:
    return PendingHistory.objects.filter(uid=uid)
