"""Cards and facts in Redis: reading, writing and unpublishing."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.utils import timezone

from content import keys
from content.card_format import WIRE_COLUMNS
from content.models import Item
from content.services import cards, items
from content.services.schema import WireItem
from content.tests.factories import ItemFactory
from content.tests.stale import change_without_card, get_stale_ids, get_titles_on_cards
from core.redis.client import cache_redis, count_round_trips

pytestmark = pytest.mark.django_db(transaction=True)

QueryCounter = Callable[[int], Any]


class TestWriting:
    def test_a_saved_item_has_a_card_and_facts(self, django_assert_num_queries: QueryCounter) -> None:
        ItemFactory.create(id="heat", title="Heat", genres=["crime", "drama"], staff_boost=3)
        # SQL: none. Redis: one MGET each.
        with django_assert_num_queries(0), count_round_trips() as round_trips:
            (card,) = cards.get_cards(["heat"])
            facts = cards.get_facts(["heat"])["heat"]
        assert round_trips == ["MGET", "MGET"]
        assert card is not None
        assert orjson.loads(card)["title"] == "Heat"
        assert (facts.id, facts.genres, facts.staff_boost) == ("heat", ("crime", "drama"), 3)
        assert get_stale_ids() == set()

    def test_a_card_has_exactly_the_keys_and_types_that_the_phone_reads(self) -> None:
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
        assert (body["releaseDate"], body["overview"]) == ("2024-01-01", "So it goes.")
        assert body["likeCount"] is None
        assert isinstance(body["genres"], list)

    def test_the_schema_has_the_keys_of_a_card_and_those_that_feeds_and_search_add(self) -> None:
        added = {"source", "feedType", "reason", "score"}
        assert set(WireItem().fields) == {key for key, _ in WIRE_COLUMNS} | {"genres"} | added

    def test_a_card_has_a_ttl(self) -> None:
        ItemFactory.create(id="heat")
        assert 0 < cache_redis().ttl(keys.CARD.name(item="heat")) <= (keys.CARD.ttl or 0)

    def test_a_slow_writer_does_not_replace_a_newer_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ItemFactory.create(id="heat", title="Old")
        render = cards._render

        def render_then_save(item: Item) -> cards.RenderedItem:
            """Render the item, and let another process save it and write the newer card."""
            monkeypatch.setattr(cards, "_render", render)
            rendered = render(item)
            newer = Item.objects.get(id="heat")
            newer.title = "New"
            newer.save()
            return rendered

        monkeypatch.setattr(cards, "_render", render_then_save)
        cards.write_cards(["heat"])
        assert get_titles_on_cards("heat") == ["New"]
        assert get_stale_ids() == set()

    def test_a_card_stays_stale_if_the_item_changes_while_it_is_rendered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ItemFactory.create(id="heat", title="Old")
        render = cards._render

        def change_then_render(item: Item) -> cards.RenderedItem:
            change_without_card("heat", title="New")
            return render(item)

        monkeypatch.setattr(cards, "_render", change_then_render)
        cards.write_cards(["heat"])
        assert get_stale_ids() == {"heat"}

    def test_a_change_that_is_rolled_back_writes_no_card(self) -> None:
        item = ItemFactory.create(id="heat", title="Heat")
        with transaction.atomic():
            item.title = "Cold"
            item.save()
            transaction.set_rollback(True)
        assert get_titles_on_cards("heat") == ["Heat"]

    def test_batches_are_bounded(self) -> None:
        rows = [Item(id=f"i{n}", title="T", title_key=f"item:i{n}") for n in range(cards.BATCH_SIZE + 1)]
        Item.objects.bulk_create(rows)
        with count_round_trips() as round_trips:
            assert cards.write_cards([row.id for row in rows]) == cards.BATCH_SIZE + 1
        pipelines = [name for name in round_trips if name.startswith("pipeline")]
        assert pipelines == ["pipeline of 500", "pipeline of 1"]


class TestUnpublishing:
    @pytest.mark.parametrize("status", [Item.Status.DRAFT, Item.Status.ARCHIVED])
    def test_an_unpublished_item_has_a_tombstone(
        self, status: Item.Status, django_assert_num_queries: QueryCounter
    ) -> None:
        item = ItemFactory.create(id="heat")
        item.status = status
        item.save()
        # SQL: none, because of the tombstone.
        with django_assert_num_queries(0):
            assert get_titles_on_cards("heat") == [None]
            assert cards.get_facts(["heat"]) == {}
        assert cache_redis().get(keys.CARD.name(item="heat")) == b"2|"

    def test_a_slow_writer_of_the_published_item_does_not_replace_the_tombstone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ItemFactory.create(id="heat")
        cache_redis().flushdb()
        render = cards._render

        def render_then_unpublish(item: Item) -> cards.RenderedItem:
            monkeypatch.setattr(cards, "_render", render)
            rendered = render(item)
            items.set_status(["heat"], Item.Status.DRAFT, now=timezone.now())
            return rendered

        monkeypatch.setattr(cards, "_render", render_then_unpublish)
        cards.get_cards(["heat"])
        assert get_titles_on_cards("heat") == [None]

    def test_an_item_that_is_published_again_has_a_card_again(self) -> None:
        item = ItemFactory.create(id="heat", title="Heat")
        items.set_status(["heat"], Item.Status.DRAFT, now=item.updated_at)
        items.set_status(["heat"], Item.Status.PUBLISHED, now=item.updated_at)
        assert get_titles_on_cards("heat") == ["Heat"]

    def test_a_deleted_item_has_no_card_and_its_id_can_be_used_again(self) -> None:
        ItemFactory.create(id="heat", title="Heat")
        Item.objects.all().delete()
        assert get_titles_on_cards("heat") == [None]
        ItemFactory.create(id="heat", title="Heat again")
        assert get_titles_on_cards("heat") == ["Heat again"]


class TestReadingThrough:
    def test_cards_have_the_requested_order_with_none_for_missing_items(self) -> None:
        for name in ("a", "b"):
            ItemFactory.create(id=name, title=name)
        cache_redis().delete(keys.CARD.name(item="a"))
        assert get_titles_on_cards("b", "x", "a", "b") == ["b", None, "a", "b"]

    def test_two_queries_load_all_cards_after_redis_was_emptied(
        self, django_assert_num_queries: QueryCounter
    ) -> None:
        ids = [ItemFactory.create().id for _ in range(12)]
        cache_redis().flushdb()
        # SQL: the items, and their genres.
        with django_assert_num_queries(2):
            assert None not in cards.get_cards(ids)
        with django_assert_num_queries(0):
            assert None not in cards.get_cards(ids)
            assert len(cards.get_facts(ids)) == 12

    def test_an_unknown_id_is_looked_up_in_sql_once(self, django_assert_num_queries: QueryCounter) -> None:
        # SQL: the items. There are none, so their genres are not loaded.
        with django_assert_num_queries(1):
            assert cards.get_cards(["unknown"]) == [None]
        with django_assert_num_queries(0):
            assert cards.get_cards(["unknown"]) == [None]
            assert cards.get_facts(["unknown"]) == {}
        assert 0 < cache_redis().ttl(keys.CARD.name(item="unknown")) <= cards.MISSING_ITEM_TTL

    def test_a_new_item_replaces_the_value_of_an_unknown_id(self) -> None:
        assert cards.get_cards(["heat"]) == [None]
        ItemFactory.create(id="heat", title="Heat")
        assert get_titles_on_cards("heat") == ["Heat"]

    def test_a_slow_reader_that_did_not_find_an_item_does_not_replace_its_card(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queue = cards._queue

        def create_then_queue(*args: Any, **kwargs: Any) -> None:
            monkeypatch.setattr(cards, "_queue", queue)
            ItemFactory.create(id="heat", title="Heat")
            queue(*args, **kwargs)

        monkeypatch.setattr(cards, "_queue", create_then_queue)
        cards.get_cards(["heat"])
        assert get_titles_on_cards("heat") == ["Heat"]

    def test_reading_no_cards_makes_no_round_trip(self) -> None:
        with count_round_trips() as round_trips:
            assert cards.get_cards([]) == []
            assert cards.get_facts([]) == {}
        assert round_trips == []
