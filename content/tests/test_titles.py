"""A title's items: which stand for it, and for how long Redis may be believed."""

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


def of(item_id: str, content_type: str, *, days_ago: int, **options: Any) -> None:
    ItemFactory.create(
        id=item_id,
        content_type=content_type,
        media_type="movie",
        tmdb_id=603,
        published_at=NOW - timedelta(days=days_ago),
        **options,
    )


def test_the_newest_trailer_comes_first_then_what_is_newest() -> None:
    of("clip", "clip", days_ago=0)
    of("old-trailer", "trailer", days_ago=9)
    of("trailer", "trailer", days_ago=2)
    of("old-clip", "clip", days_ago=5)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer", "old-trailer", "clip", "old-clip"]}


def test_only_what_is_published_and_not_hidden_stands_for_a_title() -> None:
    of("draft", "trailer", days_ago=0, status=Item.Status.DRAFT)
    of("hidden", "trailer", days_ago=0, hidden=True)
    of("clip", "clip", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["clip"]}


def test_films_and_series_of_one_number_are_apart() -> None:
    ItemFactory.create(id="film", media_type="movie", tmdb_id=1)
    ItemFactory.create(id="series", media_type="tv", tmdb_id=1)
    assert titles.get_items(["tv:1", "movie:1"]) == {"tv:1": ["series"], "movie:1": ["film"]}


def test_many_titles_cost_one_wait_when_known_and_one_query_when_not(
    django_assert_num_queries: QueryCounter,
) -> None:
    wanted = [ItemFactory.create().title_key for _ in range(5)] + ["movie:404"]
    # SQL: all that are missing at once. Redis: one read, one pipeline that writes them.
    with django_assert_num_queries(1), count_round_trips() as waits:
        first = titles.get_items(wanted)
    assert waits == ["pipeline of 1", "pipeline of 6"]
    # Then nothing but one read, for the unknown title too.
    with django_assert_num_queries(0), count_round_trips() as waits:
        assert titles.get_items(wanted) == first
    assert waits == ["pipeline of 1"]
    assert first["movie:404"] == []


def test_nothing_asked_nothing_waited_for() -> None:
    with count_round_trips() as waits:
        assert titles.get_items([]) == {}
        titles.invalidate([])
    assert waits == []


def test_every_change_shows_at_once() -> None:
    of("trailer", "trailer", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer"]}
    of("clip", "clip", days_ago=0)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer", "clip"]}
    items.set_status(["trailer"], Item.Status.DRAFT, now=NOW)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["clip"]}
    Item.objects.filter(id="clip").delete()
    assert titles.get_items(["movie:603"]) == {"movie:603": []}


def test_a_list_that_a_dead_process_left_behind_is_swept_with_the_card() -> None:
    of("trailer", "trailer", days_ago=0)
    titles.get_items(["movie:603"])
    Item.objects.update(status=Item.Status.DRAFT, version=2)
    assert titles.get_items(["movie:603"]) == {"movie:603": ["trailer"]}
    cards.write_stale_cards()
    assert titles.get_items(["movie:603"]) == {"movie:603": []}


def test_a_list_is_bounded_in_length_and_in_time() -> None:
    for n in range(titles.MAX_ITEMS_PER_TITLE + 2):
        of(f"i{n:02}", "clip", days_ago=n)
    found = titles.get_items(["movie:603"])["movie:603"]
    assert found == [f"i{n:02}" for n in range(titles.MAX_ITEMS_PER_TITLE)]
    assert 0 < cache_redis().ttl(keys.TITLE_ITEMS.name(title="movie:603")) <= (keys.TITLE_ITEMS.ttl or 0)
