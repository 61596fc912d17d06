"""What a viewer just saw or skipped is known to their next plan, before any flush and whatever was lost."""

import math
import time
from typing import Any

import orjson
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from activity import keys as activity_keys
from activity.services import flushing, pending_history
from activity.store import get_store
from activity.store.base import ActivityStore
from activity.store.meter import count_calls
from activity.store.orm import OrmStore
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


def plan(uid: str = "ama") -> set[str]:
    """All items of a new plan."""
    return set(get_item_ids(get_feed(uid, limit=100, refresh="true")))


def skipped(uid: str = "ama") -> list[str]:
    """What the ranker is told of a new plan."""
    session = get_feed(uid, limit=1, refresh="true")["meta"]["session"]
    raw: Any = state_redis().get(feed_keys.TRACE.name(viewer=uid, session=session, chunk=0))
    titles: list[str] = orjson.loads(raw)["inputs"]["skipped"]
    return titles


def lose_redis() -> None:
    state_redis().flushall()
    world.build()


def flush() -> int:
    """An hour later; how many viewers."""
    return flushing.flush(now=time.time() + HOUR, until=math.inf)


def test_a_seen_item_is_gone_from_the_next_plan_at_once_and_for_good(catalogue: list[str]) -> None:
    assert plan() == set(catalogue)
    seen = {"film-0001", "film-0002", "film-0003"}
    append_and_read_events(
        make_event("ama", "film-0001", at=NOW),
        make_event("ama", "film-0002", "complete", at=NOW),
        make_event("ama", "film-0003", "skip", at=NOW),
        make_event("ama", "film-0004", "like", at=NOW),
        make_event("kofi", "film-0005", at=NOW),
    )
    assert plan() == set(catalogue) - seen
    lose_redis()
    assert plan() == set(catalogue) - seen
    assert flush() == 2
    assert plan() == set(catalogue) - seen
    lose_redis()
    assert plan() == set(catalogue) - seen


def test_a_skipped_title_is_known_at_once_and_for_good() -> None:
    append_and_read_events(
        make_event("ama", "film-0008", "skip", at=NOW)
    )  # film-0009 is a clip of the same film
    assert skipped() == ["movie:1008"]
    lose_redis()
    assert skipped() == skipped() == ["movie:1008"]
    assert flush() == 1
    assert skipped() == ["movie:1008"]
    lose_redis()
    assert skipped() == ["movie:1008"]


def test_what_was_learned_makes_a_taste() -> None:
    append_and_read_events(*(make_event("ama", f"film-000{n}", "like", at=NOW) for n in (0, 5)))
    assert flush() == 1
    page = get_feed("ama", limit=40)
    assert any(item["reason"] == "Because you like Drama" for item in page["feed"])


def test_a_store_that_is_away_hides_nothing_that_redis_or_sql_knows(
    catalogue: list[str], activity_store_unavailable: pytest.MonkeyPatch
) -> None:
    append_and_read_events(make_event("ama", "film-0001", at=NOW))
    for emptied in (False, True):
        if emptied:
            lose_redis()
        page = get_feed("ama", limit=100, refresh="true")
        assert set(get_item_ids(page)) == set(catalogue) - {"film-0001"}
        assert "history" in page["meta"]["degraded"]


def test_sql_that_is_away_costs_what_only_it_knows(
    catalogue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("switched off")

    monkeypatch.setattr(pending_history, "_rows", away)
    page = get_feed("ama", limit=100)
    assert set(get_item_ids(page)) == set(catalogue)
    assert "history" in page["meta"]["degraded"]


def test_a_cold_viewer_costs_one_query_more_than_the_store() -> None:
    append_and_read_events(make_event("ama", "film-0001", at=NOW))
    plan()
    state_redis().delete(
        *[
            key.name(viewer="ama")
            for key in (activity_keys.PROFILE, activity_keys.SEEN_ITEMS, activity_keys.TIMELINE)
        ]
    )
    with count_calls() as tally, CaptureQueriesContext(connection) as queries:
        plan()
    assert sorted(tally.calls) == ["get_profile", "get_seen", "get_timeline"]
    of_the_store = 3 if isinstance(get_store(), OrmStore) else 0
    assert len(queries.captured_queries) == of_the_store + 1
