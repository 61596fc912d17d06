"""Hours become days after a week, days go after 400, totals stay; nothing is lost on the way."""

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


def rows(span: str) -> dict[tuple[str, int, str], tuple[int, int]]:
    found = Count.objects.filter(period=span).order_by("item", "period_start")
    return {(row.item, row.period_start, row.kind): (row.events, row.watched_seconds) for row in found}


def test_adding_makes_a_row_or_adds_to_it() -> None:
    for _ in range(3):
        add("heat", NOON, events=2)
    assert rows("hour") == {("heat", NOON, "view"): (6, 60)}


def test_hours_of_whole_days_that_are_a_week_old_become_days() -> None:
    last_of_its_day = NOON - NOON % DAY - 7 * DAY - HOUR
    add("heat", last_of_its_day)
    add("heat", last_of_its_day - 5 * HOUR, events=4)
    add("ran", last_of_its_day, kind="like")
    add("heat", last_of_its_day + HOUR)  # of the day that is not yet a week old
    assert retention.roll_up(now=NOON) == 3
    day = last_of_its_day - last_of_its_day % DAY
    assert rows("day") == {("heat", day, "view"): (5, 50), ("ran", day, "like"): (1, 10)}
    assert rows("hour") == {("heat", last_of_its_day + HOUR, "view"): (1, 10)}


def test_a_late_event_joins_its_day_in_the_next_run() -> None:
    at = NOON - 10 * DAY
    for _ in range(2):
        add("heat", at)
        retention.roll_up(now=NOON)
    assert rows("day") == {("heat", at - at % DAY, "view"): (2, 20)}
    assert rows("hour") == {}


def test_it_goes_on_in_batches_and_stops_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ITEMS_PER_TRANSACTION", 2)
    for number in range(5):
        add(f"item-{number}", NOON - 9 * DAY)
    assert retention.roll_up(now=NOON, max_batches=2) == 4
    assert retention.roll_up(now=NOON, max_batches=2) == 1
    assert len(rows("day")) == 5


def test_days_go_after_four_hundred_and_totals_stay() -> None:
    add("heat", NOON - 401 * DAY)
    add("heat", NOON - 399 * DAY)
    retention.roll_up(now=NOON)
    assert retention.expire(now=NOON) == 1
    assert len(rows("day")) == 1
    assert counts.get_totals(["heat"])["heat"].get_count("view") == 2


def test_votes_are_read_by_hour_within_a_window_and_only_where_there_are_any() -> None:
    add("heat", NOON, votes=3, kind="like")
    add("heat", NOON - 2 * HOUR, votes=1)
    add("heat", NOON - 80 * HOUR, votes=9)
    add("ran", NOON)
    found = counts.get_votes(["heat", "ran"], since=NOON - 72 * HOUR, until=NOON + HOUR)
    assert found == {"heat": [(NOON - 2 * HOUR, "view", 1), (NOON, "like", 3)]}


def test_two_thousand_rows_are_one_statement() -> None:
    with CaptureQueriesContext(connection) as queries:
        count_writer.add_counts(
            [CountDelta(f"item-{n}", "hour", NOON, "view", 1, 0, 0) for n in range(2_001)]
        )
    assert len(queries) == 2
    assert Count.objects.count() == 2_001
