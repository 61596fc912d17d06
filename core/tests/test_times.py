"""UTC times as text."""

from datetime import UTC, datetime

from core import times

MOMENT = 1_769_860_800.25  # 2026-01-31 12:00:00.250 UTC


def test_a_time_is_formatted_in_utc_for_people_and_for_programs() -> None:
    assert times.format_utc(MOMENT) == "2026-01-31 12:00:00"
    assert times.format_utc_minutes(MOMENT) == "2026-01-31 12:00"
    assert times.format_utc_iso(MOMENT) == "2026-01-31T12:00:00Z"
    assert times.format_utc_milliseconds(MOMENT) == "2026-01-31T12:00:00.250Z"


def test_a_datetime_is_aware_and_in_utc() -> None:
    assert times.to_datetime(1_769_860_800) == datetime(2026, 1, 31, 12, tzinfo=UTC)
