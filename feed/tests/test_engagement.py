"""Votes change the indexes, and counts the cards, at the next rebuild."""

from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from analytics import count_writer
from analytics.counting import CountDelta
from content.models import Item
from content.services import cards, items
from core.units import HOUR
from feed import indexes, recipe
from feed.models import IndexBuild
from feed.services import index_status
from feed.tests import world
from feed.tests.index_tools import before_sql, fail
from finishd.run.embedded_redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

NOW = int(world.NOW.timestamp())


def add_votes(item: str, kind: str, viewers: int, *, hours_ago: int = 0) -> None:
    """Add the votes and counts of so many viewers within one hour, as the counts reader does."""
    hour = NOW // HOUR * HOUR - hours_ago * HOUR
    with transaction.atomic():
        count_writer.add_counts(
            [
                CountDelta(item, "hour", hour, kind, viewers, viewers, 0),
                CountDelta(item, "total", 0, kind, viewers, 0, 0),
            ]
        )


def create_obscure_item() -> str:
    """Create a catalogue, make its last film old and unknown, and return it."""
    item = world.catalogue(50)[-1]
    Item.objects.filter(id=item).update(popularity=0, vote_count=0, release_year=1950)
    cards.write_cards([item])
    return item


def get_top_items(build: IndexBuild, name: str = "trending") -> list[str]:
    return [item for item, _ in indexes.get_top(build.pk, name, 50)]


def get_card(item: str) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(cards.get_cards([item])[0] or b"")
    return body


def get_versions() -> list[tuple[str, int, int]]:
    return list(Item.objects.order_by("id").values_list("id", "version", "card_version"))


class TestIndexes:
    def test_a_hundred_likes_in_an_hour_lead_trending_and_the_genre_indexes(self) -> None:
        item = create_obscure_item()
        assert get_top_items(world.build())[-1] == item
        add_votes(item, "like", 100)
        build = world.build()
        assert get_top_items(build)[0] == item
        assert get_top_items(build, "genre:documentary")[0] == item
        entry = index_status.get_top_entries("trending", limit=1)[0]
        assert entry.terms["engagement"] == pytest.approx(0.5 * 300 / 400)
        assert entry.score == pytest.approx(sum(entry.terms.values()), abs=1e-6)

    def test_one_viewer_who_likes_an_item_every_hour_does_not_move_it(self) -> None:
        item = create_obscure_item()
        for hours_ago in range(49):
            add_votes(item, "like", 1, hours_ago=hours_ago)
        assert get_top_items(world.build())[-1] == item

    def test_votes_of_days_ago_do_not_count(self) -> None:
        item = create_obscure_item()
        add_votes(item, "like", 10_000, hours_ago=49)
        assert get_top_items(world.build())[-1] == item


class TestCards:
    def test_they_show_total_counts_and_null_without_counts(self) -> None:
        item = create_obscure_item()
        add_votes(item, "like", 3, hours_ago=1_000)
        add_votes(item, "view", 70)
        add_votes(item, "skip", 5)
        world.build()
        counted = get_card(item)
        assert (counted["likeCount"], counted["viewCount"], counted["shareCount"]) == (3, 70, 0)
        uncounted = get_card("film-0000")
        assert (uncounted["likeCount"], uncounted["viewCount"], uncounted["shareCount"]) == (None, None, None)

    def test_a_rebuild_without_new_counts_writes_no_cards(self) -> None:
        add_votes(create_obscure_item(), "like", 3)
        world.build()
        before = get_versions()
        with CaptureQueriesContext(connection) as queries:
            world.build()
        assert get_versions() == before
        assert not [query for query in queries if 'UPDATE "content_' in query["sql"]]
        add_votes("film-0001", "like", 1)
        world.build()
        changed = set(get_versions()) - set(before)
        assert changed == {("film-0001", 2, 2)}

    def test_a_failure_to_push_counts_does_not_fail_the_build(self) -> None:
        item = create_obscure_item()
        add_votes(item, "like", 100)
        with before_sql("UPDATE content_item SET like_count", fail):
            build = world.build()
        assert build.outcome == IndexBuild.Outcome.PUBLISHED
        assert get_top_items(build)[0] == item
        assert get_card(item)["likeCount"] is None
        world.build()
        assert get_card(item)["likeCount"] == 100


def test_a_batch_costs_five_queries() -> None:
    add_votes(create_obscure_item(), "like", 100)
    world.build()
    with CaptureQueriesContext(connection) as queries:
        world.build()
    read = [query["sql"] for query in queries if 'FROM "content_item' in query["sql"]]
    counted = [query["sql"] for query in queries if 'FROM "analytics_' in query["sql"]]
    # One batch of 50: its items, their genres, their cards' counts; then an empty second batch. 3 + 1
    assert len(read) == 4
    # votes, totals
    assert len(counted) == 2


def run_explain_rank(item: str, *, hours_later: int = 0) -> str:
    """Run the command at a time after the build and return its output."""
    out = StringIO()
    moment = world.NOW + timedelta(hours=hours_later)
    with patch("feed.management.commands.explain_rank.timezone.now", return_value=moment):
        call_command("explain_rank", item, stdout=out)
    return out.getvalue()


class TestExplainRank:
    def test_it_prints_every_term_the_votes_and_the_rank(self) -> None:
        item = create_obscure_item()
        add_votes(item, "like", 100)
        build = world.build()
        output = run_explain_rank(item).splitlines()
        # 300 / 400 of 0.50; without votes the rating is the prior; released in 1950, published just now
        assert output[:-1] == [
            f"{item} (movie:1048) at 2026-11-23 12:00 UTC",
            "votes of the last 48 hours: like 100",
            "",
            "term             value    weight  weighted",
            "engagement      0.7500     0.500    0.3750",
            "popularity      0.0000     0.200    0.0000",
            "rating          0.6400     0.125    0.0800",
            "recency         0.5000     0.175    0.0875",
            "boost           0.0000     0.500    0.0000",
            "score                               0.5425",
            "",
        ]
        assert output[-1] == (
            f"Rank 1 of 50 in the trending index (generation {build.pk}, built at 2026-11-23 12:00 UTC), "
            "with a score of 0.5425 there."
        )

    def test_it_prints_the_score_of_now_and_that_of_the_build(self) -> None:
        item = create_obscure_item()
        assert run_explain_rank(item).endswith("\nThere is no index yet.\n")
        world.build()
        add_votes(item, "like", 100)
        output = run_explain_rank(item)
        assert "score                               0.5425" in output
        assert output.endswith(
            "with a score of 0.1675 there.\nThe next rebuild will move it: its score is now 0.5425.\n"
        )

    def test_votes_decay_as_time_passes(self) -> None:
        item = create_obscure_item()
        add_votes(item, "like", 100)
        world.build()
        # 150 / 250 of 0.50: half after six hours
        assert "engagement      0.6000     0.500    0.3000" in run_explain_rank(item, hours_later=6)

    def test_it_explains_why_an_item_is_in_no_index(self) -> None:
        draft, hidden, late, *_ = world.catalogue(10)
        Item.objects.filter(id=hidden).update(hidden=True)
        items.set_status([late], Item.Status.DRAFT, now=world.NOW)
        world.build()
        items.set_status([draft], Item.Status.DRAFT, now=world.NOW)
        items.set_status([late], Item.Status.PUBLISHED, now=world.NOW)
        cards.write_cards([hidden])
        assert run_explain_rank(draft) == f"{draft} is not published, so it is in no index\n"
        assert run_explain_rank(hidden).endswith(": it is hidden.\n")
        assert run_explain_rank(late).endswith("): it was published again or unhidden after the build.\n")
        Item.objects.filter(id=late).update(published_at=world.NOW + timedelta(minutes=1))
        cards.write_cards([late])
        assert run_explain_rank(late).endswith("): it was published after the build.\n")
        with pytest.raises(CommandError, match="nobody is not in the catalogue"):
            run_explain_rank("nobody")

    def test_it_reports_a_full_index(self, monkeypatch: pytest.MonkeyPatch) -> None:
        *_, last = world.catalogue(10)
        Item.objects.update(published_at=world.NOW - timedelta(days=1))
        cards.write_cards([last])
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 5)
        world.build()
        assert "the index is full with" in run_explain_rank(last)

    def test_it_reports_that_redis_is_unavailable(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        with pytest.raises(CommandError, match="Redis is unavailable"):
            run_explain_rank("heat")
