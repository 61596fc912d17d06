"""How long counts are kept: hours for 7 days, then days for 400, totals for good."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction

from analytics import adding
from analytics.fold import Row
from analytics.models import Count
from core.units import DAY

HOURS_KEPT: Final = 7 * DAY  # whole days, by UTC
DAYS_KEPT: Final = 400 * DAY  # a year can be compared with the last
ITEMS: Final = 500  # of one transaction

_TAKE: Final = (
    "DELETE FROM analytics_count WHERE span = %s AND start = %s AND item <= %s "
    "RETURNING item, kind, events, seconds"
)


def roll_up(*, now: int, most: int = 2_000) -> int:
    """Add hours of days that ended 7 days ago to their days, 500 items a transaction, at most `most` transactions;
    how many rows went. Late events make new hours, which the next run adds to the same days.

    What is taken away is what the deletion itself returns: a drain that adds to an hour meanwhile loses nothing.
    """
    before = now - now % DAY - HOURS_KEPT
    return _drain(Count.Span.HOUR, before, into_days=True, most=most)


def expire(*, now: int, most: int = 2_000) -> int:
    """Drop days of more than 400 days ago, in batches as above; how many rows went."""
    return _drain(Count.Span.DAY, now - now % DAY - DAYS_KEPT, into_days=False, most=most)


def _drain(span: Count.Span, before: int, *, into_days: bool, most: int) -> int:
    gone = 0
    for _ in range(most):
        batch = _next(span, before)
        if batch is None:
            break
        start, last = batch
        with transaction.atomic():
            taken = _take(span, start, last)
            if into_days:
                adding.add(_days(start, taken))
        gone += len(taken)
    return gone


def _next(span: Count.Span, before: int) -> tuple[int, str] | None:
    """The oldest span that is due, and the last of its first 500 items."""
    rows = Count.objects.filter(span=span, start__lt=before).order_by("start")
    start = rows.values_list("start", flat=True).first()
    if start is None:
        return None
    items = Count.objects.filter(span=span, start=start).order_by("item").values_list("item", flat=True)
    return start, list(items.distinct()[:ITEMS])[-1]


def _take(span: Count.Span, start: int, last: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [span.value, start, last])
        return list(cursor.fetchall())


def _days(start: int, taken: Sequence[tuple[Any, ...]]) -> list[Row]:
    day = start - start % DAY
    return [
        Row(item, Count.Span.DAY.value, day, kind, events, 0, seconds)
        for item, kind, events, seconds in taken
    ]
