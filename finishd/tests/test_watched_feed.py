"""Test that the next plan respects what a viewer has just seen or skipped, before a flush and after Redis is lost."""

import math
import time
from typing import Any

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity import keys as activity_keys
from activity.services import flushing, pending_history
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.store.orm import OrmStore
from core.outages import SqlUnavailable
from core.redis.client import state_redis
from core.units import HOUR
from feed import keys as feed_keys
from feed.tests import world
from finishd.testing.api import get_feed, get_item_ids
from finishd.testing.events import append_and_read_events, make_event

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

NOW = int(world.NOW.timestamp())


@pytest.fixture(autouse=True)
def catalogue(activity_store: ActivityStore, settings: Any) -> list[str]:
    settings.FEED_TRACE_PERCENT = 100
    ids = world.catalogue(40)
    world.build()
    return ids


def get_plan_items(uid: str = "ama") -> set[str]:
    """Return all items of a new plan."""
    return set(get_item_ids(get_feed(uid, limit=100, refresh="true")))


def get_skipped_titles(uid: str = "ama") -> list[str]:
    """Return the skipped titles in the trace of a new plan."""
    session = get_feed(uid, limit=1, refresh="true")["meta"]["session"]
    raw: Any = state_redis().get(feed_keys.TRACE.name(viewer=uid, session=session, chunk=0))
    titles: list[str] = orjson.loads(raw)["inputs"]["skipped"]
    return titles


def lose_redis() -> None:
    state_redis().flushall()
    world.build()


def flush() -> int:
    """Flush all pending history an hour later, and return the number of viewers."""
    return flushing.flush(now=time.time() + HOUR, until=math.inf)


def test_a_seen_item_is_not_in_the_next_plan_before_and_after_the_flush(catalogue: list[str]) -> None:
    assert get_plan_items() == set(catalogue)
    seen = {"film-0001", "film-0002", "film-0003"}
    append_and_read_events(
        make_event("ama", "film-0001", at=NOW),
        make_event("ama", "film-0002", "complete", at=NOW),
        make_event("ama", "film-0003", "skip", at=NOW),
        make_event("ama", "film-0004", "like", at=NOW),
        make_event("kofi", "film-0005", at=NOW),
    )
    assert get_plan_items() == set(catalogue) - seen
    lose_redis()
    assert get_plan_items() == set(catalogue) - seen
    assert flush() == 2
    assert get_plan_items() == set(catalogue) - seen
    lose_redis()
    assert get_plan_items() == set(catalogue) - seen


def test_a_skipped_title_is_in_the_next_trace_before_and_after_the_flush() -> None:
    append_and_read_events(make_event("ama", "film-0008", "skip", at=NOW))  # a trailer of movie:1008
    assert get_skipped_titles() == ["movie:1008"]
    lose_redis()
    assert get_skipped_titles() == get_skipped_titles() == ["movie:1008"]
    assert flush() == 1
    assert get_skipped_titles() == ["movie:1008"]
    lose_redis()
    assert get_skipped_titles() == ["movie:1008"]


def test_events_change_affinities_after_the_flush() -> None:
    append_and_read_events(*(make_event("ama", f"film-000{n}", "like", at=NOW) for n in (0, 5)))
    assert flush() == 1
    page = get_feed("ama", limit=40)
    assert any(item["reason"] == "Because you like Drama" for item in page["feed"])


def test_without_the_store_seen_items_are_read_from_redis_or_sql(
    catalogue: list[str], activity_store_unavailable: pytest.MonkeyPatch
) -> None:
    append_and_read_events(make_event("ama", "film-0001", at=NOW))
    for is_redis_lost in (False, True):
        if is_redis_lost:
            lose_redis()
        page = get_feed("ama", limit=100, refresh="true")
        assert set(get_item_ids(page)) == set(catalogue) - {"film-0001"}
        assert "history" in page["meta"]["degraded"]


def test_without_sql_the_plan_lacks_pending_history_and_is_degraded(
    catalogue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_unavailable(*_: Any) -> Any:
        raise SqlUnavailable("unavailable")

    monkeypatch.setattr(pending_history, "_rows", raise_unavailable)
    page = get_feed("ama", limit=100)
    assert set(get_item_ids(page)) == set(catalogue)
    assert "history" in page["meta"]["degraded"]


def test_a_viewer_without_cached_data_costs_one_query_more_than_the_store() -> None:
    append_and_read_events(make_event("ama", "film-0001", at=NOW))
    get_plan_items()
    state_redis().delete(
        *[
            key.name(viewer="ama")
            for key in (activity_keys.PROFILE, activity_keys.SEEN_ITEMS, activity_keys.TIMELINE)
        ]
    )
    with count_calls() as tally, CaptureQueriesContext(connection) as queries:
        get_plan_items()
    assert sorted(tally.calls) == ["get_profile", "get_seen", "get_timeline"]
    store_queries = 3 if isinstance(get_store(), OrmStore) else 0
    assert len(queries.captured_queries) == store_queries + 1
