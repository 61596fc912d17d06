"""How far readers are behind, also those that never began."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics.services import lag
from analytics.tests.events import drain_all, event, taken
from analytics.types import COUNTS_READER
from content.tests.factories import ItemFactory
from core.redis.client import count_round_trips

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_what_waits_is_seen_before_any_reader_has_begun_and_is_late_after_a_minute() -> None:
    taken("ama", event(), event())
    now = time.time()
    found = lag.measure(now=now)
    assert (found.backlog, found.late, found.dead_letters_by_reason) == (
        2,
        False,
        {"unknown_item": 0, "unreadable": 0},
    )
    assert lag.measure(now=now + lag.LATE_AFTER_SECONDS + 1).late


def test_a_rate_is_of_the_last_minute() -> None:
    ItemFactory.create(id="heat")
    for _ in range(2):
        taken("ama", event(), event())
        drain_all()
    now = time.time()

    def rate(at: float) -> float:
        return sum(shard.rate for shard in lag.measure(now=at).readers if shard.reader == COUNTS_READER)

    assert 0 < rate(now) <= 2
    assert rate(now + lag.RATE_TTL + 1) == 0


def test_it_costs_the_same_for_any_number_of_shards() -> None:
    for viewer in ("ama", "kofi", "esi", "yaw"):
        taken(viewer, event("made-up"))
    drain_all()
    with CaptureQueriesContext(connection) as queries, count_round_trips() as waits:
        assert lag.measure(now=time.time()).dead_letters_by_reason["unknown_item"] == 4
    assert (len(queries), len(waits)) == (2, 1)
