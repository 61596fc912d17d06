"""Test that hours are rolled up to days after a week, days are deleted after 400 days, and totals stay."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import count_writer
from analytics.counting import CountDelta
from analytics.models import Count
from analytics.services import counts, retention
from core.units import DAY, HOUR

pytestmark = pytest.mark.django_db

NOON = 20_000 * DAY + DAY // 2


def add(item: str, at: int, *, events: int = 1, votes: int = 0, kind: str = "view") -> None:
    count_writer.add_counts(
        [
            CountDelta(item, "hour", at - at % HOUR, kind, events, votes, 10 * events),
            CountDelta(item, "total", 0, kind, events, 0, 10 * events),
        ]
    )


def get_rows(period: str) -> dict[tuple[str, int, str], tuple[int, int]]:
    """Return (item, period start, kind) → (events, seconds watched)."""
    rows = Count.objects.filter(period=period).order_by("item", "period_start")
    return {(row.item, row.period_start, row.kind): (row.events, row.watched_seconds) for row in rows}


def test_add_counts_creates_a_row_or_adds_to_it() -> None:
    for _ in range(3):
        add("heat", NOON, events=2)
    assert get_rows("hour") == {("heat", NOON, "view"): (6, 60)}


def test_hours_of_days_that_ended_a_week_ago_are_rolled_up_to_days() -> None:
    last_hour = NOON - NOON % DAY - 7 * DAY - HOUR
    add("heat", last_hour)
    add("heat", last_hour - 5 * HOUR, events=4)
    add("ran", last_hour, kind="like")
    add("heat", last_hour + HOUR)  # The first hour of the next day, which is not yet a week old.
    assert retention.roll_up(now=NOON) == 3
    day = last_hour - last_hour % DAY
    assert get_rows("day") == {("heat", day, "view"): (5, 50), ("ran", day, "like"): (1, 10)}
    assert get_rows("hour") == {("heat", last_hour + HOUR, "view"): (1, 10)}


def test_a_late_event_is_added_to_its_day_in_the_next_run() -> None:
    at = NOON - 10 * DAY
    for _ in range(2):
        add("heat", at)
        retention.roll_up(now=NOON)
    assert get_rows("day") == {("heat", at - at % DAY, "view"): (2, 20)}
    assert get_rows("hour") == {}


def test_it_works_in_batches_and_stops_after_the_given_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ITEMS_PER_TRANSACTION", 2)
    for number in range(5):
        add(f"item-{number}", NOON - 9 * DAY)
    assert retention.roll_up(now=NOON, max_batches=2) == 4
    assert retention.roll_up(now=NOON, max_batches=2) == 1
    assert len(get_rows("day")) == 5


def test_days_are_deleted_after_four_hundred_days_and_totals_stay() -> None:
    add("heat", NOON - 401 * DAY)
    add("heat", NOON - 399 * DAY)
    retention.roll_up(now=NOON)
    assert retention.expire(now=NOON) == 1
    assert len(get_rows("day")) == 1
    assert counts.get_totals(["heat"])["heat"].get_count("view") == 2


def test_votes_are_read_by_hour_within_a_time_range() -> None:
    add("heat", NOON, votes=3, kind="like")
    add("heat", NOON - 2 * HOUR, votes=1)
    add("heat", NOON - 80 * HOUR, votes=9)
    add("ran", NOON)
    votes = counts.get_votes(["heat", "ran"], since=NOON - 72 * HOUR, until=NOON + HOUR)
    assert votes == {"heat": [(NOON - 2 * HOUR, "view", 1), (NOON, "like", 3)]}


def test_two_thousand_rows_are_added_in_one_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        deltas = [CountDelta(f"item-{n}", "hour", NOON, "view", 1, 0, 0) for n in range(2_001)]
        count_writer.add_counts(deltas)
    assert len(queries) == 2
    assert Count.objects.count() == 2_001


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="only PostgreSQL has partitions")
def test_counts_can_be_partitioned_by_month() -> None:
    """PostgreSQL accepts a partition key only if every unique constraint contains it."""
    month = 30 * DAY
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE partitioned (LIKE analytics_count INCLUDING ALL) "
            "PARTITION BY RANGE (period_start)"
        )
        for number, start in enumerate((0, NOON - NOON % month)):
            cursor.execute(
                f"CREATE TEMPORARY TABLE partition_{number} PARTITION OF partitioned "
                f"FOR VALUES FROM ({start}) TO ({start + month})"
            )
        add("heat", NOON)
        cursor.execute(
            "INSERT INTO partitioned SELECT * FROM analytics_count RETURNING tableoid::regclass::text"
        )
        assert sorted(name for (name,) in cursor.fetchall()) == ["partition_0", "partition_1"]
