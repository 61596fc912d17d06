"""The sweep of stale cards, the rebuild of all cards, and changes without Redis."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from content import keys, tasks
from content.models import Item
from content.services import cards, items
from content.tests.factories import ItemFactory
from content.tests.stale import change_without_card, get_stale_ids, get_titles_on_cards
from core.outages import REDIS_UNAVAILABLE
from core.redis import client as redis_module
from core.redis.client import cache_redis, count_round_trips
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

QueryCounter = Callable[[int], Any]


class TestSweep:
    def test_the_sweep_writes_the_cards_that_a_dead_process_left_stale(self) -> None:
        ItemFactory.create(id="heat", title="Old")
        ItemFactory.create(id="calm", title="Calm")
        change_without_card("heat", title="New")
        change_without_card("calm", status=Item.Status.DRAFT)
        assert get_titles_on_cards("heat", "calm") == ["Old", "Calm"]
        assert tasks.sweep_cards() == 2
        assert get_titles_on_cards("heat", "calm") == ["New", None]
        assert get_stale_ids() == set()

    def test_the_sweep_costs_one_query_if_no_card_is_stale(
        self, django_assert_num_queries: QueryCounter
    ) -> None:
        ItemFactory.create()
        with django_assert_num_queries(1), count_round_trips() as round_trips:
            assert cards.write_stale_cards() == 0
        assert round_trips == []

    def test_the_sweep_stops_at_its_limit_and_the_next_one_continues(self) -> None:
        rows = [Item(id=f"i{n}", title="T", title_key=f"item:i{n}") for n in range(cards.BATCH_SIZE + 10)]
        Item.objects.bulk_create(rows)
        assert cards.write_stale_cards(limit=1) == cards.BATCH_SIZE
        assert cards.write_stale_cards() == 10


def test_a_rebuild_writes_all_cards() -> None:
    ids = [ItemFactory.create().id for _ in range(3)]
    cache_redis().flushdb()
    assert list(cards.rebuild_cards()) == [3]
    assert cache_redis().exists(*(keys.CARD.name(item=item_id) for item_id in ids)) == 3


def test_without_redis_changes_are_saved_and_the_sweep_writes_the_cards_later(
    redis_server: RedisServer,
) -> None:
    item = ItemFactory.create(id="heat", title="Old")
    redis_server.stop()
    item.title = "New"
    item.save()
    assert items.set_boost(["heat"], 5, now=timezone.now()) == 1
    assert get_stale_ids() == {"heat"}
    with pytest.raises(REDIS_UNAVAILABLE):
        cards.write_stale_cards()
    redis_server.start()
    redis_module._circuit_breakers.clear()  # closes them at once instead of after two seconds
    assert cards.write_stale_cards() == 1
    assert get_titles_on_cards("heat") == ["New"]
    assert cards.get_facts(["heat"])["heat"].staff_boost == 5
    assert get_stale_ids() == set()
