"""Rebuilds that fail, die or run concurrently, and feeds without an index."""

import signal
import time
from collections.abc import Iterator

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from content.models import Item
from content.services import items
from core.outages import REDIS_UNAVAILABLE
from core.redis.client import state_redis
from feed import indexes, keys, tasks
from feed.models import IndexBuild
from feed.services import builds
from feed.tests import world
from feed.tests.index_tools import (
    before_sql,
    fail,
    get_current_generation,
    get_generations,
    get_ttls,
    run_rebuild_command,
)
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_feed
from finishd.testing.inspection import find_key_violations
from finishd.testing.processes import Processes, processes

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


Outcome = IndexBuild.Outcome


class TestFailing:
    def test_a_database_failure_leaves_the_previous_generation_and_is_recorded(self) -> None:
        everything = world.catalogue(30)
        before = world.build()
        items.set_boost(everything, 7, now=world.NOW)
        # The names of genres are read last, after all entries were written.
        with before_sql('FROM "content_genre" ORDER', fail), pytest.raises(OperationalError):
            world.build()
        failed = IndexBuild.objects.latest("pk")
        assert (failed.outcome, failed.keys_deleted) == (Outcome.FAILED, True)
        assert failed.detail == "SqlUnavailable: the database went away"
        assert get_current_generation() == before.pk
        assert get_generations() == {before.pk}
        assert world.build().outcome == Outcome.PUBLISHED

    def test_a_hanging_redis_leaves_the_previous_generation(self, redis_server: RedisServer) -> None:
        world.catalogue(30)
        before = world.build()
        with before_sql('FROM "content_itemgenre"', redis_server.pause), pytest.raises(REDIS_UNAVAILABLE):
            world.build()
        redis_server.resume()
        failed = IndexBuild.objects.latest("pk")
        assert failed.outcome == Outcome.FAILED
        assert get_current_generation() == before.pk
        assert all(0 < left <= indexes.UNFINISHED_TTL for left in get_ttls(failed.pk))
        # It could not release the lease, which expires after a minute.
        assert 0 < state_redis().ttl(keys.INDEX_LEASE.name()) <= 60
        state_redis().delete(keys.INDEX_LEASE.name())
        assert world.build().outcome == Outcome.PUBLISHED

    def test_a_build_fails_when_redis_loses_its_data(self, redis_server: RedisServer) -> None:
        world.catalogue(30)
        marker = 'FROM "content_genre" ORDER'
        with (
            before_sql(marker, redis_server.flush),
            pytest.raises(builds.RebuildInProgress, match="lease was lost"),
        ):
            builds.rebuild_indexes(now=world.NOW, accept=True)
        assert indexes.get_pointer() is None
        assert IndexBuild.objects.latest("pk").outcome == Outcome.FAILED

    @pytest.mark.slow
    def test_the_keys_of_a_killed_builder_expire(self, started: Processes) -> None:
        world.catalogue(30)
        before = world.build()
        add_plain_items(9_000)
        builder = started.manage("rebuild_indexes")
        dying = before.pk + 1
        started.wait_for(lambda: bool(state_redis().exists(indexes.key(dying, "trending"))))
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        half = int(state_redis().zcard(indexes.key(dying, "trending")))
        assert 0 < half < 9_030
        assert get_current_generation() == before.pk
        assert all(0 < left <= indexes.UNFINISHED_TTL for left in get_ttls(dying))
        assert 0 < state_redis().ttl(keys.INDEX_LEASE.name()) <= 60
        with pytest.raises(builds.RebuildInProgress):
            world.build()
        state_redis().delete(keys.INDEX_LEASE.name())  # as after its minute
        assert world.build().items == 9_030
        dead = IndexBuild.objects.get(pk=dying)
        assert (dead.outcome, dead.detail) == (Outcome.FAILED, "its process died")

    def test_the_next_build_deletes_the_keys_of_a_builder_that_died_before_publishing(self) -> None:
        world.catalogue(30)
        world.build()
        late = IndexBuild.objects.create(started_at=world.NOW, sizes={"trending": 1})
        state_redis().zadd(
            indexes.key(late.pk, "trending"), {"film-0001": 1.0}
        )  # without a TTL, but not published
        world.build()
        assert late.pk not in get_generations()


def add_plain_items(number: int) -> None:
    Item.objects.bulk_create(
        [
            Item(
                id=f"plain-{n:05d}",
                title=f"Plain {n}",
                content_type="clip",
                status=Item.Status.PUBLISHED,
                published_at=world.NOW,
                title_key=f"item:plain-{n:05d}",
                popularity=1.0,
            )
            for n in range(number)
        ],
        batch_size=1_000,
    )


class TestIndexLease:
    def test_a_second_concurrent_rebuild_is_refused(self) -> None:
        world.catalogue(20)
        refusals: list[str] = []

        def second() -> None:
            with pytest.raises(builds.RebuildInProgress) as busy:
                world.build()
            refusals.append(str(busy.value))
            with pytest.raises(CommandError, match="another process is rebuilding"):
                run_rebuild_command()
            assert tasks.rebuild_indexes() == "in progress"

        with before_sql('FROM "content_genre" ORDER', second):
            assert world.build().outcome == Outcome.PUBLISHED
        assert refusals == ["another process is rebuilding the indexes"]
        assert not state_redis().exists(keys.INDEX_LEASE.name())

    def test_a_builder_that_lost_its_lease_does_not_publish(self) -> None:
        world.catalogue(20)

        def successor() -> None:
            state_redis().delete(keys.INDEX_LEASE.name())  # as after its minute
            world.build()

        with before_sql('FROM "content_genre" ORDER', successor), pytest.raises(builds.RebuildInProgress):
            world.build()
        newest = IndexBuild.objects.latest("pk")
        assert get_current_generation() == newest.pk
        assert get_generations() == {newest.pk}


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with processes(tmp_path_factory.mktemp("processes")) as running:
        yield running


class TestMissingIndexes:
    def test_pages_are_degraded_until_a_worker_has_rebuilt_lost_indexes(self, started: Processes) -> None:
        world.catalogue(300)
        world.build()
        assert get_feed("ama")["meta"]["degraded"] == []
        started.worker()
        started.wait_for(lambda: "ready." in started.output)
        state_redis().flushall()
        page = get_feed("ama", limit=20)
        assert page["meta"]["degraded"] == ["indexes"]
        assert len(page["feed"]) == 20
        began = time.monotonic()
        started.wait_for(lambda: get_feed("ama", refresh="true")["meta"]["degraded"] == [], seconds=20)
        assert time.monotonic() - began < 10
        assert find_key_violations() == []

    def test_many_requests_without_an_index_queue_one_rebuild(self) -> None:
        world.catalogue(20)
        for _ in range(5):
            get_feed("ama", refresh="true")
        assert state_redis().llen("indexes") == 1

    def test_a_degraded_session_expires_after_a_minute(self) -> None:
        world.catalogue(20)
        session = get_feed("ama")["meta"]["session"]
        assert 0 < state_redis().ttl(keys.SESSION.name(viewer="ama", feed="for_you")) <= 60
        assert 0 < state_redis().ttl(keys.PLAN.name(viewer="ama", session=session)) <= 60
