"""Changes of items: versions, dates, counts, and the constraints of the database."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F
from redis.exceptions import OutOfMemoryError

from content.models import Item
from content.services import cards, items, titles
from content.tests.factories import ItemFactory
from content.types import Counts
from core.redis.client import count_round_trips
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLISHED, DRAFT, ARCHIVED = Item.Status.PUBLISHED, Item.Status.DRAFT, Item.Status.ARCHIVED


def get_version(item_id: str) -> int:
    return Item.objects.get(id=item_id).version


class TestVersions:
    def test_every_save_raises_the_version(self) -> None:
        item = ItemFactory.create(id="heat")
        assert item.version == 1
        item.save()
        assert item.version == 2
        item.title = "Heat, the film"
        item.save(update_fields=["title"])
        assert (item.version, get_version("heat")) == (3, 3)
        assert b"Heat, the film" in (cards.get_cards(["heat"])[0] or b"")

    def test_concurrent_saves_get_different_versions(self) -> None:
        ItemFactory.create(id="heat")
        ready = threading.Barrier(4)
        versions: list[int] = []

        def save_five_times(name: str) -> None:
            item = Item.objects.get(id="heat")
            ready.wait()
            for turn in range(5):
                item.overview = f"{name} {turn}"
                item.save()
                versions.append(item.version)
            connection.close()

        threads = [threading.Thread(target=save_five_times, args=(f"saver {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(versions) == list(range(2, 22))
        assert get_version("heat") == 21
        item = Item.objects.get(id="heat")
        assert item.card_version == 21
        assert (item.overview or "").encode() in (cards.get_cards(["heat"])[0] or b"")

    def test_a_new_item_with_an_existing_id_is_refused(self) -> None:
        ItemFactory.create(id="heat")
        with pytest.raises(IntegrityError):
            Item(id="heat", title="Another").save()
        assert get_version("heat") == 1


class TestPublishing:
    def test_the_date_of_the_first_publication_stays(self) -> None:
        ItemFactory.create(id="heat", status=DRAFT)
        assert items.set_status(["heat"], PUBLISHED, now=NOW) == 1
        assert items.set_status(["heat"], ARCHIVED, now=NOW.replace(hour=13)) == 1
        assert items.set_status(["heat"], PUBLISHED, now=NOW.replace(hour=14)) == 1
        item = Item.objects.get(id="heat")
        assert (item.published_at, item.updated_at) == (NOW, NOW.replace(hour=14))

    def test_an_item_that_has_the_status_already_does_not_change(self) -> None:
        ItemFactory.create(id="heat")
        assert items.set_status(["heat", "unknown"], PUBLISHED, now=NOW) == 0
        assert get_version("heat") == 1

    def test_the_number_of_queries_depends_on_the_number_of_batches(
        self, django_assert_max_num_queries: Callable[[int], Any]
    ) -> None:
        rows = [Item(id=f"i{n}", title="T", title_key=f"item:i{n}") for n in range(cards.BATCH_SIZE + 1)]
        Item.objects.bulk_create(rows)
        # Two batches. Each locks and updates, loads items and genres (none here) for the cards, and sets the card
        # versions in a transaction. SQLite counts BEGIN and COMMIT: 2 x (2 + 3) + 3 x 2 = 16.
        with django_assert_max_num_queries(16):
            assert items.set_status([row.id for row in rows], PUBLISHED, now=NOW) == cards.BATCH_SIZE + 1
        assert Item.objects.filter(status=PUBLISHED, card_version=2).count() == cards.BATCH_SIZE + 1

    def test_set_boost_changes_only_items_with_another_boost(self) -> None:
        ItemFactory.create(id="a")
        ItemFactory.create(id="b", staff_boost=5)
        assert items.set_boost(["a", "b"], 5, now=NOW) == 1
        assert cards.get_facts(["a"])["a"].staff_boost == 5
        assert (get_version("a"), get_version("b")) == (2, 1)

    def test_popular_ids_are_published_ordered_and_not_hidden(self) -> None:
        for name, popularity in (("low", 1.0), ("high", 9.0), ("also-high", 9.0)):
            ItemFactory.create(id=name, popularity=popularity)
        ItemFactory.create(id="hidden", popularity=99.0, hidden=True)
        ItemFactory.create(id="draft", popularity=99.0, status=DRAFT)
        assert items.get_popular_ids(2) == ["also-high", "high"]


class TestCounts:
    def test_cards_show_the_counts_and_the_time_of_the_last_change_stays(self) -> None:
        before = ItemFactory.create(id="heat").updated_at
        assert items.set_counts({"heat": Counts(3, 70, 0), "unknown": Counts(1, 1, 1)}) == 1
        item = Item.objects.get(id="heat")
        assert (item.version, item.card_version, item.updated_at) == (2, 2, before)
        card = orjson.loads(cards.get_cards(["heat"])[0] or b"")
        assert (card["likeCount"], card["viewCount"], card["shareCount"]) == (3, 70, 0)

    def test_items_whose_counts_do_not_differ_are_not_written(
        self, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        ItemFactory.create(id="heat")
        ItemFactory.create(id="ronin")
        items.set_counts({"heat": Counts(3, 70, 0), "ronin": Counts(0, 1, 0)})
        with django_assert_num_queries(1), count_round_trips() as round_trips:
            assert items.set_counts({"heat": Counts(3, 70, 0), "ronin": Counts(0, 1, 0)}) == 0
        assert round_trips == []
        assert items.set_counts({"heat": Counts(3, 71, 0), "ronin": Counts(0, 1, 0)}) == 1
        assert (get_version("heat"), get_version("ronin")) == (3, 2)

    def test_comparing_costs_one_query_and_changes_a_few_per_batch(
        self, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        rows = [
            Item(id=f"i{n}", title="T", title_key=f"item:i{n}", version=n + 1)
            for n in range(3 * cards.BATCH_SIZE // 2)
        ]
        Item.objects.bulk_create(rows)
        counts = {row.id: Counts(1, 2, 3) for row in rows}
        # 1 to compare. Two batches, each with an update, items and genres for the cards, and the card versions:
        # 2 x 4 = 8. BEGIN and COMMIT of two transactions per batch: 2 x 2 x 2 = 8.
        with django_assert_num_queries(1 + 8 + 8):
            assert items.set_counts(counts) == len(rows)
        assert Item.objects.filter(like_count=1, card_version=F("version")).count() == len(rows)

    def test_without_redis_counts_are_stored_and_the_sweep_writes_the_cards_later(
        self, redis_server: RedisServer
    ) -> None:
        ItemFactory.create(id="heat")
        redis_server.stop()
        assert items.set_counts({"heat": Counts(3, 70, 0)}) == 1
        redis_server.start()
        assert cards.write_stale_cards() == 1
        assert orjson.loads(cards.get_cards(["heat"])[0] or b"")["likeCount"] == 3


class TestExistingIds:
    def test_items_exist_with_any_status(self) -> None:
        for status in Item.Status:
            ItemFactory.create(id=status.value, status=status)
        assert items.get_existing_ids(["draft", "published", "archived", "unknown"]) == {
            "draft",
            "published",
            "archived",
        }
        assert items.get_existing_ids([]) == set()

    def test_thousands_of_ids_cost_one_query(self, django_assert_num_queries: Callable[[int], Any]) -> None:
        ItemFactory.create(id="heat")
        ids = ["heat", *(f"unknown-{n}" for n in range(4_999))]
        with django_assert_num_queries(1):
            assert items.get_existing_ids(ids) == {"heat"}


class TestTitleKeys:
    def test_an_item_that_moves_to_another_title_leaves_the_old_one(self) -> None:
        item = ItemFactory.create(id="heat", tmdb_id=1)
        assert titles.get_items(["movie:1", "movie:949"]) == {"movie:1": ["heat"], "movie:949": []}
        item.tmdb_id = 949
        item.save()
        assert titles.get_items(["movie:1", "movie:949"]) == {"movie:1": [], "movie:949": ["heat"]}

    def test_an_item_without_tmdb_id_or_media_type_is_a_title_of_its_own(self) -> None:
        assert ItemFactory.create(id="a", tmdb_id=None).title_key == "item:a"
        assert ItemFactory.create(id="b", media_type=None).title_key == "item:b"
        assert ItemFactory.create(id="c", media_type="tv", tmdb_id=603).title_key == "tv:603"


class TestConstraints:
    @pytest.mark.parametrize(
        "columns",
        [
            {"id": ""}, {"title": ""}, {"content_type": "meme"}, {"media_type": "book"}, {"status": "gone"},
            {"staff_boost": 11}, {"staff_boost": -11}, {"popularity": -1.0}, {"vote_average": 10.1},
            {"vote_average": -0.1}, {"release_year": 1800}, {"status": "published", "published_at": None},
        ],
    )  # fmt: skip
    def test_the_database_refuses_invalid_values(self, columns: dict[str, Any]) -> None:
        row = Item(**{"id": "x", "title": "X", "title_key": "item:x"} | columns)
        with pytest.raises((IntegrityError, DataError)), transaction.atomic():
            Item.objects.bulk_create([row])

    @pytest.mark.parametrize("item_id", ["", "a b", "a\n", "a\x00", "x" * 65])
    def test_validation_refuses_an_invalid_id(self, item_id: str) -> None:
        with pytest.raises(ValidationError) as caught:
            Item(id=item_id, title="X").full_clean()
        assert "id" in caught.value.message_dict


def test_an_item_is_saved_even_if_its_card_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    item = ItemFactory.create(title="Before")

    def fail_out_of_memory(ids: list[str]) -> int:
        raise OutOfMemoryError("command not allowed when used memory > 'maxmemory'")

    with monkeypatch.context() as patch:
        patch.setattr(cards, "write_cards", fail_out_of_memory)
        item.title = "After"
        item.save()
    assert "maxmemory" in caplog.text
    assert Item.objects.get(pk=item.pk).title == "After"
    assert cards.write_stale_cards() == 1
    card = cards.get_cards([item.pk])[0]
    assert card is not None
    assert b"After" in card
