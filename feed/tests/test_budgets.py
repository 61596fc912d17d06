"""What a page may cost: waits on Redis, SQL queries, calls and documents of the activity store.

Wire budgets (DESIGN), the throttle apart, which is one more: next page 2, +1 when it must
refill; first page at most 8; an extension counts as a first page; a cold viewer 3 store calls and
102 documents at most. Warm pages cost no SQL and no store call.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from activity import keys as activity_keys
from activity.store.meter import CallTally, count_calls
from content.models import Item
from content.services import items
from core.redis.client import count_round_trips, state_redis
from feed import keys as feed_keys
from feed.tests import world
from finishd.testing.api import THROTTLE_ROUND_TRIPS, get_feed, get_item_ids, get_token, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@dataclass
class Cost:
    waits: list[str] = field(default_factory=list)
    sql: list[Any] = field(default_factory=list)
    store: CallTally = field(default_factory=CallTally)


@contextmanager
def cost() -> Iterator[Cost]:
    get_token("ama")
    spent = Cost()
    with count_round_trips() as waits, count_calls() as tally, CaptureQueriesContext(connection) as queries:
        yield spent
    spent.waits, spent.store, spent.sql = waits, tally, queries.captured_queries


@pytest.fixture
def _warm(settings: Any) -> None:
    """A catalogue, tastes and friends; everything about Ama is in Redis, scripts too, no session is."""
    settings.FEED_TRACE_PERCENT = 0  # a sampled session costs one wait more
    world.catalogue(600)
    world.build()
    world.choose("ama", "Drama")
    world.befriend("ama", range(30))
    walk_feed("ama", limit=100, pages=3)
    state_redis().delete(
        feed_keys.SESSION.name(viewer="ama", feed="for_you"), feed_keys.SERVED.name(viewer="ama")
    )


@pytest.mark.usefixtures("_warm")
def test_a_first_page_with_a_new_plan() -> None:
    with cost() as spent:
        get_feed("ama", limit=10)
    # what is known of viewer and indexes, recall of all sources, titles and names, facts, claim, cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 6, spent.waits
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
def test_the_first_page_requested_again() -> None:
    get_feed("ama", limit=10)
    with cost() as spent:
        get_feed("ama", limit=10)
    # what is known and the session pointer, slice, cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 3, spent.waits
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize("limit", [1, 10, 40, 90])
def test_a_next_page(limit: int) -> None:
    cursor = get_feed("ama", limit=limit)["meta"]["cursor"]
    with cost() as spent:
        get_feed("ama", limit=limit, cursor=cursor)
    # slice, cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 2, spent.waits
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
def test_a_next_page_that_replaces_unpublished_items() -> None:
    first = get_feed("ama", limit=10)
    second = get_item_ids(get_feed("ama", limit=10, cursor=first["meta"]["cursor"]))
    items.set_status(second[:4], Item.Status.DRAFT, now=world.NOW)
    with cost() as spent:
        page = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    # slice, cards, the stand-ins' cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 3, spent.waits
    assert len(page["feed"]) == 10
    assert spent.sql == []


@pytest.mark.usefixtures("_warm")
def test_a_page_that_extends_the_plan() -> None:
    cursor = walk_feed("ama", limit=100, pages=1)[-1]["meta"]["cursor"]
    with cost() as spent:
        page = get_feed("ama", limit=100, cursor=cursor)
    # slice, what is known and the plan so far, recall, titles and names, facts, append and slice, cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 7, spent.waits
    assert len(page["feed"]) == 100
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
def test_a_cold_viewer() -> None:
    names = [activity_keys.PROFILE, activity_keys.SEEN_ITEMS, activity_keys.TIMELINE]
    state_redis().delete(*[key.name(viewer="ama") for key in names])
    with cost() as spent:
        get_feed("ama", limit=10)
    # profile 1 document, seen history 1, timeline 27 rows (at most 100): 3 calls, at most 102 documents
    assert sorted(spent.store.calls) == ["get_profile", "get_seen", "get_timeline"]
    assert spent.store.documents == 1 + 1 + 27
    # as warm; profile and seen history are written to Redis (1 each), the timeline is announced, kept and
    # its names with it (3)
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 6 + 2 + 3, spent.waits


@pytest.mark.usefixtures("_warm")
def test_trending_costs_no_more() -> None:
    first = get_feed("ama", feed_type="trending", limit=10)
    state_redis().delete(feed_keys.SESSION.name(viewer="ama", feed="trending"))
    with cost() as spent:
        get_feed("ama", feed_type="trending", limit=10)
    # known, recall, facts, claim, cards
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 5, spent.waits
    with cost() as spent:
        get_feed("ama", feed_type="trending", limit=10, cursor=first["meta"]["cursor"])
    assert len(spent.waits) == THROTTLE_ROUND_TRIPS + 2, spent.waits
