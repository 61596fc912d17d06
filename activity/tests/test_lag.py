"""Delivery lag, measured from the activity to the last follower batch."""

import pytest

from activity import keys
from activity.services import delivery, follows, lag, presence, relations
from activity.store import get_store
from activity.store.meter import count_calls
from activity.types import Activity, Relation
from core.redis.client import count_round_trips, state_redis

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000.0


def make_activity(recorded_at: float) -> Activity:
    return Activity("kofi", "movie:1", Relation(favorite=True), int(recorded_at), 1, recorded_at)


def test_without_deliveries_there_is_no_lag() -> None:
    found = lag.measure(now=NOW)
    assert (found.finished, found.p50, found.p99, found.oldest_seconds, found.backlog) == (
        0,
        None,
        None,
        0.0,
        {},
    )
    assert not found.late


def test_percentiles_cover_the_last_hour() -> None:
    for seconds in range(1, 201):
        lag.record_delivery(make_activity(NOW - seconds), now=NOW)
    lag.record_delivery(make_activity(NOW - 9_000), now=NOW - 4_000)  # finished more than an hour ago
    found = lag.measure(now=NOW)
    assert (found.finished, found.p50, found.p99) == (200, 100.0, 198.0)
    assert found.late


def test_recorded_deliveries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "MAX_RECORDED", 5)
    for seconds in range(9):
        lag.record_delivery(make_activity(NOW - seconds), now=NOW)
    assert state_redis().llen(keys.DELIVERY_LAGS.name()) == 5


def test_a_delivery_is_measured_from_the_activity_to_its_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FOLLOWERS_PER_BATCH", 2)
    for fan in ("ama", "esi", "yaw"):
        follows.follow(fan, "kofi", now=NOW)
    recorded = relations.set_relation("kofi", "movie:1", Relation(favorite=True), source=None, now=NOW)
    version = recorded.activity.version
    assert delivery.deliver_batch("kofi", "movie:1", version, now=NOW + 1)
    assert lag.measure(now=NOW + 2).finished == 0
    assert not delivery.deliver_batch("kofi", "movie:1", version, now=NOW + 3)
    found = lag.measure(now=NOW + 4)
    assert (found.finished, found.p50) == (1, 3.0)


def test_postponing_does_not_change_the_age_of_the_oldest_delivery() -> None:
    relations.set_relation("kofi", "movie:1", Relation(favorite=True), source=None, now=NOW)
    relations.set_relation("kofi", "movie:2", Relation(favorite=True), source=None, now=NOW + 50)
    for job in get_store().get_oldest_jobs():
        get_store().postpone_job(job, due=NOW + 500)
    found = lag.measure(now=NOW + 70)
    assert (found.oldest_seconds, found.backlog, found.late) == (70.0, {"deliver": 2}, True)
    assert [job.target for job in get_store().get_oldest_jobs(limit=1)] == ["movie:1"]


def test_a_changed_activity_restarts_the_age_of_its_delivery() -> None:
    relations.set_relation("kofi", "movie:1", Relation(favorite=True), source=None, now=NOW)
    relations.set_relation("kofi", "movie:1", Relation(), source=None, now=NOW + 50)
    assert lag.measure(now=NOW + 60).oldest_seconds == 10.0


def test_measuring_costs_one_round_trip_and_one_store_call() -> None:
    presence.mark_active("ama")
    with count_round_trips() as round_trips, count_calls() as tally:
        lag.measure(now=NOW)
    assert (len(round_trips), len(tally.calls)) == (1, 1)
