"""Cards and facts in Redis beside an SQL that changes under them."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from content import keys, tasks
from content.models import Item
from content.services import cards, items
from content.tests.factories import ItemFactory
from core.redis import client as redis_module
from core.redis.client import count_round_trips
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

QueryCounter = Callable[[int], Any]


def titles_on_cards(*ids: str) -> list[str | None]:
    return [None if card is None else orjson.loads(card)["title"] for card in cards.get_cards(ids)]


def dirty() -> set[str]:
    return set(Item.objects.filter(card_version__lt=F("version")).values_list("id", flat=True))


def set_silently(item_id: str, **columns: Any) -> None:
    """Change an item as a process does that dies between its commit and the card."""
    Item.objects.filter(id=item_id).update(**columns, version=F("version") + 1)


class TestWriting:
    def test_a_saved_item_has_its_card_and_facts_at_once(
        self, django_assert_num_queries: QueryCounter
    ) -> None:
        ItemFactory.create(id="heat", title="Heat", genres=["crime", "drama"], staff_boost=3)
        # SQL: none. Redis: one MGET each.
        with django_assert_num_queries(0), count_round_trips() as waits:
            (card,) = cards.get_cards(["heat"])
            facts = cards.get_facts(["heat"])["heat"]
        assert waits == ["MGET", "MGET"]
        assert card is not None
        assert orjson.loads(card)["title"] == "Heat"
        assert (facts.id, facts.genres, facts.staff_boost) == ("heat", ("crime", "drama"), 3)
        assert dirty() == set()

    def test_a_card_has_the_wires_keys_and_types_and_no_others(self) -> None:
        ItemFactory.create(
            id="full", title="Full", overview="So it goes.", poster_path="/p.jpg", popularity=1
        )
        (card,) = cards.get_cards(["full"])
        assert card is not None
        body = orjson.loads(card)
        assert set(body) == {
            "id", "contentType", "title", "tmdbId", "mediaType", "overview", "posterPath", "backdropPath",
            "youtubeKey", "videoName", "videoType", "thumbnailUrl", "imageUrl", "releaseDate", "channelTitle",
            "description", "voteAverage", "popularity", "likeCount", "viewCount", "shareCount", "genres",
        }  # fmt: skip
        assert (body["releaseDate"], body["overview"], body["likeCount"]) == (
            "2024-01-01",
            "So it goes.",
            None,
        )
        assert isinstance(body["genres"], list)

    def test_a_card_keeps_its_time_to_live(self) -> None:
        ItemFactory.create(id="heat")
        assert 0 < redis_module.cache_redis().ttl(keys.CARD.name(item="heat")) <= (keys.CARD.ttl or 0)

    def test_a_slow_older_writer_loses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ItemFactory.create(id="heat", title="Old")
        render = cards._render

        def overtaken(item: Item) -> cards.RenderedItem:
            """The writer has read the item; before it writes, another saves it and writes the newer card."""
            monkeypatch.setattr(cards, "_render", render)
            stale = render(item)
            newer = Item.objects.get(id="heat")
            newer.title = "New"
            newer.save()
            return stale

        monkeypatch.setattr(cards, "_render", overtaken)
        cards.write_cards(["heat"])
        assert titles_on_cards("heat") == ["New"]
        assert dirty() == set()

    def test_a_writer_overtaken_by_a_silent_change_leaves_the_item_dirty(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ItemFactory.create(id="heat", title="Old")
        render = cards._render

        def overtaken(item: Item) -> cards.RenderedItem:
            set_silently("heat", title="New")
            return render(item)

        monkeypatch.setattr(cards, "_render", overtaken)
        cards.write_cards(["heat"])
        assert dirty() == {"heat"}

    def test_nothing_is_written_for_a_change_that_is_rolled_back(self) -> None:
        item = ItemFactory.create(id="heat", title="Heat")
        with transaction.atomic():
            item.title = "Cold"
            item.save()
            transaction.set_rollback(True)
        assert titles_on_cards("heat") == ["Heat"]

    def test_batches_are_bounded(self) -> None:
        rows = [Item(id=f"i{n}", title="T", title_key=f"item:i{n}") for n in range(cards.BATCH_SIZE + 1)]
        Item.objects.bulk_create(rows)
        with count_round_trips() as waits:
            assert cards.write_cards([row.id for row in rows]) == cards.BATCH_SIZE + 1
        assert [wait for wait in waits if wait.startswith("pipeline")] == ["pipeline of 500", "pipeline of 1"]


class TestUnpublishing:
    @pytest.mark.parametrize("status", [Item.Status.DRAFT, Item.Status.ARCHIVED])
    def test_it_leaves_a_tombstone(
        self, status: Item.Status, django_assert_num_queries: QueryCounter
    ) -> None:
        item = ItemFactory.create(id="heat")
        item.status = status
        item.save()
        # SQL: none, the tombstone answers.
        with django_assert_num_queries(0):
            assert titles_on_cards("heat") == [None]
            assert cards.get_facts(["heat"]) == {}
        assert redis_module.cache_redis().get(keys.CARD.name(item="heat")) == b"2|"

    def test_a_slow_writer_of_the_published_item_does_not_bring_it_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ItemFactory.create(id="heat")
        redis_module.cache_redis().flushdb()
        render = cards._render

        def overtaken(item: Item) -> cards.RenderedItem:
            monkeypatch.setattr(cards, "_render", render)
            stale = render(item)
            items.set_status(["heat"], Item.Status.DRAFT, now=timezone.now())
            return stale

        monkeypatch.setattr(cards, "_render", overtaken)
        cards.get_cards(["heat"])
        assert titles_on_cards("heat") == [None]

    def test_publishing_again_shows_it_again(self) -> None:
        item = ItemFactory.create(id="heat", title="Heat")
        items.set_status(["heat"], Item.Status.DRAFT, now=item.updated_at)
        items.set_status(["heat"], Item.Status.PUBLISHED, now=item.updated_at)
        assert titles_on_cards("heat") == ["Heat"]

    def test_a_deleted_item_is_gone_and_its_id_may_come_back(self) -> None:
        ItemFactory.create(id="heat", title="Heat")
        Item.objects.all().delete()
        assert titles_on_cards("heat") == [None]
        ItemFactory.create(id="heat", title="Heat again")
        assert titles_on_cards("heat") == ["Heat again"]


class TestReadingThrough:
    def test_cards_come_in_the_order_asked_for_missing_ones_as_none(self) -> None:
        for name in ("a", "b"):
            ItemFactory.create(id=name, title=name)
        redis_module.cache_redis().delete(keys.CARD.name(item="a"))
        assert titles_on_cards("b", "x", "a", "b") == ["b", None, "a", "b"]

    def test_an_emptied_redis_is_filled_from_two_queries_however_many_are_missing(
        self, django_assert_num_queries: QueryCounter
    ) -> None:
        ids = [ItemFactory.create().id for _ in range(12)]
        redis_module.cache_redis().flushdb()
        # SQL: the items, their genres.
        with django_assert_num_queries(2):
            assert None not in cards.get_cards(ids)
        with django_assert_num_queries(0):
            assert None not in cards.get_cards(ids)
            assert len(cards.get_facts(ids)) == 12

    def test_an_id_that_nobody_knows_is_asked_of_sql_once(
        self, django_assert_num_queries: QueryCounter
    ) -> None:
        # SQL: the items; there is none whose genres to ask for.
        with django_assert_num_queries(1):
            assert cards.get_cards(["nobody"]) == [None]
        with django_assert_num_queries(0):
            assert cards.get_cards(["nobody"]) == [None]
            assert cards.get_facts(["nobody"]) == {}
        assert 0 < redis_module.cache_redis().ttl(keys.CARD.name(item="nobody")) <= cards.MISSING_ITEM_TTL

    def test_an_id_remembered_as_unknown_shows_as_soon_as_it_is_published(self) -> None:
        assert cards.get_cards(["heat"]) == [None]
        ItemFactory.create(id="heat", title="Heat")
        assert titles_on_cards("heat") == ["Heat"]

    def test_a_reader_too_slow_to_have_seen_it_does_not_hide_a_published_item(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue = cards._queue

        def overtaken(*args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(cards, "_queue", queue)
            ItemFactory.create(id="heat", title="Heat")
            queue(*args, **kwargs)

        monkeypatch.setattr(cards, "_queue", overtaken)
        cards.get_cards(["heat"])
        assert titles_on_cards("heat") == ["Heat"]

    def test_nothing_asked_nothing_waited_for(self) -> None:
        with count_round_trips() as waits:
            assert cards.get_cards([]) == []
            assert cards.get_facts([]) == {}
        assert waits == []


class TestSweeping:
    def test_it_writes_what_a_dead_process_left_behind(self) -> None:
        ItemFactory.create(id="heat", title="Old")
        ItemFactory.create(id="calm", title="Calm")
        set_silently("heat", title="New")
        set_silently("calm", status=Item.Status.DRAFT)
        assert titles_on_cards("heat", "calm") == ["Old", "Calm"]
        assert tasks.sweep_cards() == 2
        assert titles_on_cards("heat", "calm") == ["New", None]
        assert dirty() == set()

    def test_a_clean_catalogue_costs_one_query(self, django_assert_num_queries: QueryCounter) -> None:
        ItemFactory.create()
        with django_assert_num_queries(1), count_round_trips() as waits:
            assert cards.write_stale_cards() == 0
        assert waits == []

    def test_it_stops_at_its_limit_and_goes_on_the_next_time(self) -> None:
        rows = [Item(id=f"i{n}", title="T", title_key=f"item:i{n}") for n in range(cards.BATCH_SIZE + 10)]
        Item.objects.bulk_create(rows)
        assert cards.write_stale_cards(limit=1) == cards.BATCH_SIZE
        assert cards.write_stale_cards() == 10


class TestRebuilding:
    def test_every_card_is_written_anew_a_batch_at_a_time(self) -> None:
        ids = [ItemFactory.create().id for _ in range(3)]
        redis_module.cache_redis().flushdb()
        assert list(cards.rebuild_cards()) == [3]
        assert redis_module.cache_redis().exists(*(keys.CARD.name(item=i) for i in ids)) == 3


class TestWithoutRedis:
    def test_saving_works_leaves_the_item_dirty_and_loses_nothing(self, redis_server: RedisServer) -> None:
        item = ItemFactory.create(id="heat", title="Old")
        redis_server.stop()
        item.title = "New"
        item.save()
        assert items.set_boost(["heat"], 5, now=timezone.now()) == 1
        assert dirty() == {"heat"}
        with pytest.raises(redis_module.REDIS_UNAVAILABLE):
            cards.write_stale_cards()
        redis_server.start()
        redis_module._circuit_breakers.clear()  # closed at once instead of in two seconds
        assert cards.write_stale_cards() == 1
        assert titles_on_cards("heat") == ["New"]
        assert cards.get_facts(["heat"])["heat"].staff_boost == 5
        assert dirty() == set()
