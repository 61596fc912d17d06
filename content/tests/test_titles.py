"""The items of a title, and their cached list."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from content import keys
from content.models import Item
from content.services import cards, items, titles
from content.tests.factories import ItemFactory
from core.redis.client import cache_redis, count_round_trips

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QueryCounter = Callable[[int], Any]


def create_item(item_id: str, content_type: str, *, days_ago: int, **options: Any) -> None:
    ItemFactory.create(
        id=item_id,
        content_type=content_type,
        media_type="movie",
        tmdb_id=603,
        published_at=NOW - timedelta(days=days_ago),
        **options,
    )


def test_trailers_come_first_and_newer_items_before_older_ones() -> None:
    create_item("clip", "clip", days_ago=0)
    create_item("old-trailer", "trailer", days_ago=9)
    create_item("trailer", "trailer", days_ago=2)
    create_item("old-clip", "clip", days_ago=5)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer", "old-trailer", "clip", "old-clip"]}


def test_drafts_and_hidden_items_are_left_out() -> None:
    create_item("draft", "trailer", days_ago=0, status=Item.Status.DRAFT)
    create_item("hidden", "trailer", days_ago=0, hidden=True)
    create_item("clip", "clip", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["clip"]}


def test_films_and_series_with_the_same_tmdb_id_are_different_titles() -> None:
    ItemFactory.create(id="film", media_type="movie", tmdb_id=1)
    ItemFactory.create(id="series", media_type="tv", tmdb_id=1)
    assert titles.get_items(["tv:1", "movie:1"]) == {"tv:1": ["series"], "movie:1": ["film"]}


def test_cached_titles_cost_one_round_trip_and_others_one_query(
    django_assert_num_queries: QueryCounter,
) -> None:
    title_keys = [ItemFactory.create().title_key for _ in range(5)] + ["movie:404"]
    # SQL: all missing titles. Redis: one read, and a pipeline that writes them.
    with django_assert_num_queries(1), count_round_trips() as round_trips:
        first = titles.get_items(title_keys)
    assert round_trips == ["pipeline of 1", "pipeline of 6"]
    # Only one read, because the empty list of the unknown title is cached too.
    with django_assert_num_queries(0), count_round_trips() as round_trips:
        assert titles.get_items(title_keys) == first
    assert round_trips == ["pipeline of 1"]
    assert first["movie:404"] == []


def test_no_titles_make_no_round_trip() -> None:
    with count_round_trips() as round_trips:
        assert titles.get_items([]) == {}
        titles.invalidate([])
    assert round_trips == []


def test_every_change_invalidates_the_list() -> None:
    create_item("trailer", "trailer", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer"]}
    create_item("clip", "clip", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer", "clip"]}
    items.set_status(["trailer"], Item.Status.DRAFT, now=NOW)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["clip"]}
    Item.objects.filter(id="clip").delete()
    assert titles.get_items(["movie:603"]) == {"movie:603": []}


def test_the_sweep_also_invalidates_the_list_of_a_stale_card() -> None:
    create_item("trailer", "trailer", days_ago=0)
    titles.get_items(["movie:603"])
    Item.objects.update(status=Item.Status.DRAFT, version=2)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer"]}
    cards.write_stale_cards()
    assert titles.get_items(["movie:603"]) == {"movie:603": []}


def test_a_list_has_a_maximum_length_and_a_ttl() -> None:
    for n in range(titles.MAX_ITEMS_PER_TITLE + 2):
        create_item(f"i{n:02}", "clip", days_ago=n)
    found = titles.get_items(["movie:603"])["movie:603"]
    assert found == [f"i{n:02}" for n in range(titles.MAX_ITEMS_PER_TITLE)]
    assert 0 < cache_redis().ttl(keys.TITLE_ITEMS.name(title="movie:603")) <= (keys.TITLE_ITEMS.ttl or 0)
