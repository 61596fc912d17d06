"""Test the format of rows in cached timelines."""

import pytest

from activity import timeline_cache
from activity.types import STATUSES, TimelineRow

AT = 1_795_000_000


@pytest.mark.parametrize(("status", "code"), [(None, 0), ("watching", 1), ("watchlist", 2), ("finished", 3)])
def test_the_code_of_a_status_is_stored_and_never_changes(status: str | None, code: int) -> None:
    """Redis holds these numbers in the scores of cached timelines. A new status gets a number of its own."""
    row = TimelineRow("ama", "movie:603", AT, status=status, favorite=True, rating=5)
    member, score = timeline_cache.encode_row(row)
    assert (member, score) == ("ama\0movie:603", AT * 64 + code * 16 + 8 + 5)


def test_every_status_has_a_code_of_its_own() -> None:
    rows = [TimelineRow("ama", "movie:603", AT, status=status) for status in (None, *STATUSES)]
    assert len({timeline_cache.encode_row(row)[1] for row in rows}) == len(STATUSES) + 1
