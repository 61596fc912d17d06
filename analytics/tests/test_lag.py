"""Test the measurement of readers' backlog and lag."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.services import lag
from analytics.tests.events import count_all, make_body, send_events
from analytics.types import COUNTS_READER
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_the_backlog_is_measured_before_a_reader_has_started_and_is_late_after_a_minute() -> None:
    send_events("ama", make_body(), make_body())
    now = time.time()
    measured = lag.measure(now=now)
    assert (measured.backlog, measured.late) == (2, False)
    assert measured.dead_letters_by_reason == {"unknown_item": 0, "unreadable": 0}
    assert lag.measure(now=now + lag.LATE_AFTER_SECONDS + 1).late


def test_the_rate_of_a_batch_is_shown_for_a_minute() -> None:
    ItemFactory.create(id="heat")
    for _ in range(2):
        send_events("ama", make_body(), make_body())
        count_all()
    now = time.time()

    def get_rate(at: float) -> float:
        return sum(row.rate for row in lag.measure(now=at).readers if row.reader == COUNTS_READER)

    assert 0 < get_rate(now) <= 2
    assert get_rate(now + lag.RATE_TTL + 1) == 0


def test_the_cost_does_not_depend_on_the_number_of_shards() -> None:
    for viewer in ("ama", "kofi", "esi", "yaw"):
        send_events(viewer, make_body("made-up"))
    count_all()
    with CaptureQueriesContext(connection) as queries, count_round_trips() as round_trips:
        assert lag.measure(now=time.time()).dead_letters_by_reason["unknown_item"] == 4
    assert (len(queries), len(round_trips)) == (2, 1)
