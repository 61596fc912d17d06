"""`manage.py after_restore`, step by step, with SQL that is older than Redis."""

import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from activity.services import privacy, profiles, relations
from activity.types import Relation
from analytics import stream
from analytics.models import Checkpoint
from analytics.services import lag, restoring
from content.models import Item
from content.services import cards, items
from content.tests.factories import ItemFactory
from core.redis.client import state_redis
from feed.models import IndexBuild
from feed.services import builds
from feed.tests import world
from finishd.privacy.models import Erasure
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_feed
from finishd.testing.events import append_and_read_events, append_events, make_event, read_events

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

NOW = int(time.time())


def after_restore(*options: str) -> str:
    output = StringIO()
    call_command("after_restore", *options, stdout=output)
    return output.getvalue()


def restore(ids: list[str]) -> None:
    """Give these items the rows that they had before they were archived."""
    Item.objects.filter(id__in=ids).update(status=Item.Status.PUBLISHED, version=1, card_version=1)


class TestCatalogue:
    def test_items_that_were_archived_after_the_backup_are_visible_again(self) -> None:
        ids = world.catalogue(40)
        world.build()
        items.set_status(ids, Item.Status.ARCHIVED, now=timezone.now())
        restore(ids)
        assert cards.get_cards(ids) == [None] * 40
        with pytest.raises(CommandError, match="40 cards in Redis are newer than their items in SQL"):
            call_command("rebuild_cards", verbosity=0)

        assert "40 items indexed" in after_restore()
        assert None not in cards.get_cards(ids)
        call_command("rebuild_cards", verbosity=0)
        assert len(get_feed("ama", limit=40)["feed"]) == 40

    def test_no_key_of_an_older_generation_remains(self) -> None:
        world.catalogue(40)
        builds.rebuild_indexes(now=timezone.now())
        state_redis().zadd("index:4711:trending", {"film-0001": 1.0})  # a generation that the backup lacks
        after_restore()
        generation = IndexBuild.objects.latest("pk").pk
        names = {name.decode().split(":")[1] for name in state_redis().scan_iter(match="index:*")}
        assert names == {str(generation)}

    def test_a_dry_run_changes_nothing(self) -> None:
        ids = world.catalogue(40)
        world.build()
        items.set_status(ids, Item.Status.ARCHIVED, now=timezone.now())
        restore(ids)
        assert "keys to delete" in after_restore("--dry-run")
        assert cards.get_cards(ids) == [None] * 40

    def test_it_can_be_repeated(self) -> None:
        world.catalogue(40)
        after_restore()
        assert "0 erasures" in after_restore()

    def test_without_redis_it_ends_with_a_sentence(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        with pytest.raises(CommandError, match="Beside `make run`, start it first, then run after_restore"):
            after_restore()


class TestPeople:
    def test_a_profile_that_is_newer_than_its_person_is_replaced(self) -> None:
        relations.set_relation("ama", "movie:1", Relation("finished"), source=None, now=NOW)
        relations.set_relation("ama", "movie:2", Relation("finished"), source=None, now=NOW)
        newest = profiles.get("ama")
        privacy.erase("ama", until=time.monotonic() + 60)  # the restored store knows less
        relations.set_relation("ama", "movie:1", Relation("finished"), source=None, now=NOW)
        profiles.cache_profile(newest)
        assert profiles.get("ama").finished == {"movie:1", "movie:2"}
        after_restore()
        assert profiles.get("ama").finished == {"movie:1"}

    def test_interrupted_erasures_are_requested_again(self) -> None:
        state_redis().set("erasure-name:{kofi}", "Kofi")
        state_redis().set("erasure-name:{a%20b}", "A B")
        assert "2 erasures of the last 30 days to request" in after_restore("--dry-run")
        assert "2 erasures of the last 30 days requested" in after_restore()
        assert set(Erasure.objects.values_list("uid", flat=True)) == {"kofi", "a b"}


class TestEvents:
    def test_events_that_were_counted_after_the_backup_are_reported_and_no_backlog_remains(self) -> None:
        ItemFactory.create(id="heat")
        append_and_read_events(*(make_event("ama", "heat", at=NOW - n) for n in range(3)))
        backup = list(Checkpoint.objects.values())
        append_and_read_events(*(make_event("ama", "heat", at=NOW - n) for n in range(10, 15)))
        append_events([make_event("ama", "heat", at=NOW - 20)])
        for row in backup:
            Checkpoint.objects.filter(pk=row["id"]).update(**row)

        assert restoring.skip_deleted_entries() == 5
        assert lag.measure(now=time.time()).backlog == 1
        assert restoring.skip_deleted_entries() == 0
        read_events()
        assert lag.measure(now=time.time()).backlog == 0
        assert {row.events for row in Checkpoint.objects.filter(shard=0)} == {4}

    def test_a_stream_that_began_after_the_backup_is_read_from_its_start(self) -> None:
        ItemFactory.create(id="heat")
        append_and_read_events(make_event("ama", "heat", at=NOW))
        backup = list(Checkpoint.objects.values())
        state_redis().flushall()
        append_and_read_events(make_event("ama", "heat", at=NOW - 1), make_event("ama", "heat", at=NOW - 2))
        append_events([make_event("ama", "heat", at=NOW - 3)])
        for row in backup:
            Checkpoint.objects.filter(pk=row["id"]).update(**row)

        assert restoring.skip_deleted_entries() == 2
        assert lag.measure(now=time.time()).backlog == 1
        read_events()
        rows = Checkpoint.objects.filter(shard=0).values_list("events", "stream_resets")
        assert set(rows) == {(2, 0)}
        assert stream.get_lengths() == {}
