"""Budgets of a page: round trips to Redis, SQL queries, store calls and documents.

Without the round trip of the throttle: a next page 2, 1 more if unpublished items must be replaced; a first page, or
one that extends the plan, at most 8; a cold viewer at most 3 store calls and 102 documents. Warm pages make no SQL
query and no store call.
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
    round_trips: list[str] = field(default_factory=list)
    sql: list[Any] = field(default_factory=list)
    store: CallTally = field(default_factory=CallTally)


@contextmanager
def cost() -> Iterator[Cost]:
    get_token("ama")
    spent = Cost()
    with (
        count_round_trips() as round_trips,
        count_calls() as tally,
        CaptureQueriesContext(connection) as queries,
    ):
        yield spent
    spent.round_trips, spent.store, spent.sql = round_trips, tally, queries.captured_queries


@pytest.fixture
def _warm(settings: Any) -> None:
    """A catalogue, genres and friends. Everything about Ama is cached, also the scripts, but she has no session."""
    settings.FEED_TRACE_PERCENT = 0  # a sampled session costs one more round trip
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
    # context, recall, titles and names, facts, create, cards
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 6, spent.round_trips
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
def test_the_first_page_requested_again() -> None:
    get_feed("ama", limit=10)
    with cost() as spent:
        get_feed("ama", limit=10)
    # context and session pointer, slice, cards
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 3, spent.round_trips
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize("limit", [1, 10, 40, 90])
def test_a_next_page(limit: int) -> None:
    cursor = get_feed("ama", limit=limit)["meta"]["cursor"]
    with cost() as spent:
        get_feed("ama", limit=limit, cursor=cursor)
    # slice, cards
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 2, spent.round_trips
    assert spent.sql == []
    assert spent.store.calls == []


@pytest.mark.usefixtures("_warm")
def test_a_next_page_that_replaces_unpublished_items() -> None:
    first = get_feed("ama", limit=10)
    second = get_item_ids(get_feed("ama", limit=10, cursor=first["meta"]["cursor"]))
    items.set_status(second[:4], Item.Status.DRAFT, now=world.NOW)
    with cost() as spent:
        page = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    # slice, cards, cards of the replacements
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 3, spent.round_trips
    assert len(page["feed"]) == 10
    assert spent.sql == []


@pytest.mark.usefixtures("_warm")
def test_a_page_that_extends_the_plan() -> None:
    cursor = walk_feed("ama", limit=100, pages=1)[-1]["meta"]["cursor"]
    with cost() as spent:
        page = get_feed("ama", limit=100, cursor=cursor)
    # slice, context and plan state, recall, titles and names, facts, append and slice, cards
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 7, spent.round_trips
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
    # as warm; profile and seen history are cached (1 each); for the timeline: its load key, its rows, its names (3)
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 6 + 2 + 3, spent.round_trips


@pytest.mark.usefixtures("_warm")
def test_trending_costs_no_more() -> None:
    first = get_feed("ama", feed_type="trending", limit=10)
    state_redis().delete(feed_keys.SESSION.name(viewer="ama", feed="trending"))
    with cost() as spent:
        get_feed("ama", feed_type="trending", limit=10)
    # context, recall, facts, create, cards
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 5, spent.round_trips
    with cost() as spent:
        get_feed("ama", feed_type="trending", limit=10, cursor=first["meta"]["cursor"])
    assert len(spent.round_trips) == THROTTLE_ROUND_TRIPS + 2, spent.round_trips
