"""Apply retention to counts: hourly counts are kept for 7 days, daily counts for 400 days, totals forever."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction

from analytics import count_writer
from analytics.counting import CountDelta
from analytics.models import Count
from core.units import DAY

HOURLY_RETENTION_SECONDS: Final = 7 * DAY  # whole days, UTC
DAILY_RETENTION_SECONDS: Final = 400 * DAY  # allows a comparison with the previous year
ITEMS_PER_TRANSACTION: Final = 500

_DELETE_RETURNING: Final = (
    "DELETE FROM analytics_count WHERE period = %s AND period_start = %s AND item <= %s "
    "RETURNING item, kind, events, watched_seconds"
)


def roll_up(*, now: int, max_batches: int = 2_000) -> int:
    """Add the hourly counts of days that ended 7 days ago to daily counts, and return the number of deleted rows.

    Works in transactions of 500 items, `max_batches` at most. A late event makes a new hourly row; the next run adds
    it to the same day. The rolled-up values are those that the DELETE returns, so a concurrent reader that adds to an
    hour loses nothing.
    """
    before = now - now % DAY - HOURLY_RETENTION_SECONDS
    return _remove_periods(Count.Period.HOUR, before, into_days=True, max_batches=max_batches)


def expire(*, now: int, max_batches: int = 2_000) -> int:
    """Delete daily counts that are older than 400 days, in the same batches. Return the number of deleted rows."""
    before = now - now % DAY - DAILY_RETENTION_SECONDS
    return _remove_periods(Count.Period.DAY, before, into_days=False, max_batches=max_batches)


def _remove_periods(period: Count.Period, before: int, *, into_days: bool, max_batches: int) -> int:
    deleted = 0
    for _ in range(max_batches):
        batch = _get_next_batch(period, before)
        if batch is None:
            break
        period_start, last_item = batch
        with transaction.atomic():
            rows = _delete_returning(period, period_start, last_item)
            if into_days:
                count_writer.add_counts(_to_daily(period_start, rows))
        deleted += len(rows)
    return deleted


def _get_next_batch(period: Count.Period, before: int) -> tuple[int, str] | None:
    """Return the start of the oldest expired period, and the last of its first 500 items."""
    rows = Count.objects.filter(period=period, period_start__lt=before).order_by("period_start")
    period_start = rows.values_list("period_start", flat=True).first()
    if period_start is None:
        return None
    rows = Count.objects.filter(period=period, period_start=period_start).order_by("item")
    items = rows.values_list("item", flat=True).distinct()[:ITEMS_PER_TRANSACTION]
    return period_start, list(items)[-1]


def _delete_returning(period: Count.Period, period_start: int, last_item: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_RETURNING, [period.value, period_start, last_item])
        return list(cursor.fetchall())


def _to_daily(hour: int, rows: Sequence[tuple[Any, ...]]) -> list[CountDelta]:
    day = hour - hour % DAY
    return [
        CountDelta(item, Count.Period.DAY.value, day, kind, events, 0, watched_seconds)
        for item, kind, events, watched_seconds in rows
    ]
