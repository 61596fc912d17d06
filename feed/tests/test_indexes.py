"""A rebuild is all or nothing, whoever reads, fails or dies meanwhile; an emptied Redis heals."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from content.models import Item
from content.services import items
from core.redis.client import REDIS_UNAVAILABLE, state_redis
from feed import indexes, keys, recipe, tasks
from feed.models import IndexBuild
from feed.services import builds, index_status
from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_feed, get_item_ids
from finishd.testing.inspection import find_key_violations
from finishd.testing.processes import Processes, processes

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Outcome = IndexBuild.Outcome


def generations() -> set[int]:
    """Those of which any key is in Redis."""
    return {int(name.split(b":")[1]) for name in state_redis().scan_iter(match="index:*:*")}


def lifetimes(generation: int) -> set[int]:
    """Seconds that the keys of a generation have left; -1 for ever."""
    return {int(state_redis().ttl(name)) for name in state_redis().scan_iter(match=f"index:{generation}:*")}


def rebuild(**options: Any) -> str:
    """The command; what it printed."""
    out = StringIO()
    call_command("rebuild_indexes", stdout=out, **options)
    return out.getvalue().strip()


def wait_for(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestPublishing:
    def test_trending_and_an_index_per_genre_hold_the_published_catalogue(self) -> None:
        everything = world.catalogue(50)
        items.set_status(everything[:5], Item.Status.ARCHIVED, now=world.NOW)
        build = world.build()
        assert build.outcome == Outcome.PUBLISHED
        assert {item for item, _ in indexes.get_top(build.pk, "trending", 100)} == set(everything[5:])
        # two genres each
        assert sum(size for name, size in build.sizes.items() if name != "trending") == 2 * 45
        assert build.items == build.sizes["trending"] == 45

    def test_the_current_one_and_its_pointer_never_expire(self) -> None:
        world.catalogue(20)
        build = world.build()
        assert lifetimes(build.pk) == {-1}
        assert state_redis().ttl(keys.INDEX_POINTER.name()) == -1

    def test_the_last_three_stay_and_older_ones_go(self) -> None:
        world.catalogue(20)
        made = [world.build().pk for _ in range(6)]
        assert generations() == set(made[-4:])
        pointer = indexes.get_pointer()
        assert pointer is not None
        assert (pointer.generation, pointer.older_generations) == (made[5], (made[4], made[3], made[2]))
        assert list(IndexBuild.objects.filter(keys_deleted=True).values_list("pk", flat=True)) == made[1::-1]

    def test_an_index_is_capped_at_its_best_entries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 12)
        world.catalogue(50)
        build = world.build()
        assert max(build.sizes.values()) == 12
        assert build.outcome == Outcome.PUBLISHED
        monkeypatch.setattr(recipe, "MAX_INDEX_ITEMS", 50)
        full = [item for item, _ in indexes.get_top(world.build().pk, "trending", 50)]
        assert [item for item, _ in indexes.get_top(build.pk, "trending", 50)] == full[:12]

    def test_what_a_forgotten_build_of_the_same_number_left_is_not_mixed_in(self) -> None:
        world.catalogue(20)
        number = world.build().pk + 1
        state_redis().zadd(indexes.key(number, "trending"), {"long-gone": 5.0})
        build = world.build()
        assert build.pk == number
        assert "long-gone" not in dict(indexes.get_top(number, "trending", 100))

    def test_staff_see_an_index_with_the_terms_of_its_head(self) -> None:
        world.catalogue(20)
        build = world.build()
        status = index_status.get_status(now=world.NOW.timestamp() + 90)
        assert (status.generation, status.age_seconds) == (build.pk, 90)
        head = index_status.get_top_entries("trending", limit=5)
        assert [entry.item for entry in head] == [i for i, _ in indexes.get_top(build.pk, "trending", 5)]
        for entry in head:
            assert entry.score == pytest.approx(sum(entry.terms.values()), abs=1e-6)
        assert index_status.get_top_entries("genre:unheard-of") == []


def test_readers_never_see_an_empty_mixed_or_half_built_index() -> None:
    everything = world.catalogue(150)
    world.build()
    wrong: list[str] = []
    looked = 0
    done = threading.Event()

    def look() -> None:
        nonlocal looked
        while not done.is_set():
            if complaint := what_is_wrong(set(everything)):
                wrong.append(complaint)
            looked += 1

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for turn in range(25):
            # Every build gives every item another score, so that two of them cannot be taken for one.
            builds.rebuild_indexes(now=world.NOW + timedelta(days=turn))
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert looked > 25


def what_is_wrong(everything: set[str]) -> str:
    """Look at trending and a genre's index as a plan does, in one go."""
    pointer = indexes.get_pointer()
    if pointer is None:
        return "no pointer"
    both = indexes.read_top(pointer.generation, {"trending": 1_000, "genre:drama": 1_000})
    trending, drama = (dict(top) for top in both.fetch(state_redis()))
    later = indexes.get_pointer()
    if later is None or later.generation > pointer.generation + recipe.OLDER_GENERATIONS_KEPT:
        return ""  # this thread slept through so many builds that its generation was rightly gone
    if set(trending) != everything or len(drama) != pointer.sizes["genre:drama"]:
        return f"{len(trending)} and {len(drama)} of generation {pointer.generation}"
    mixed = [item for item, score in drama.items() if trending[item] != score]
    return f"mixed: {mixed}" if mixed else ""


class TestRefusing:
    def test_an_absurdly_smaller_index_is_refused_unless_accepted(self) -> None:
        everything = world.catalogue(40)
        before = world.build()
        items.set_status(everything[:21], Item.Status.DRAFT, now=world.NOW)
        with pytest.raises(
            CommandError, match=r"refused; the previous indexes stay published\. 19 items after 40"
        ):
            rebuild()
        assert served_generation() == before.pk
        refused = IndexBuild.objects.latest("pk")
        assert (refused.outcome, refused.keys_deleted) == (Outcome.REFUSED, True)
        assert generations() == {before.pk}
        assert rebuild(accept=True).endswith("19 items in 6 indexes")
        assert served_generation() > refused.pk

    def test_an_empty_one_is_refused_unless_accepted(self) -> None:
        everything = world.catalogue(10)
        before = world.build()
        items.set_status(everything, Item.Status.DRAFT, now=world.NOW)
        assert world.build().outcome == Outcome.REFUSED
        assert served_generation() == before.pk
        assert builds.rebuild_indexes(now=world.NOW, accept=True).outcome == Outcome.PUBLISHED
        assert get_feed("ama")["feed"] == []

    def test_half_of_it_is_not_absurd(self) -> None:
        everything = world.catalogue(40)
        world.build()
        items.set_status(everything[:20], Item.Status.DRAFT, now=world.NOW)
        assert world.build().outcome == Outcome.PUBLISHED


def served_generation() -> int:
    pointer = indexes.get_pointer()
    assert pointer is not None
    return pointer.generation


@contextmanager
def when_sql(marker: str, act: Callable[[], None]) -> Iterator[None]:
    """Let something happen just before the next statement that names `marker`."""
    due = True

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal due
        if due and marker in sql:
            due = False
            act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield


def fail() -> None:
    raise OperationalError("the database went away")


class TestFailing:
    def test_a_database_that_fails_halfway_leaves_the_old_one_serving_and_says_so(self) -> None:
        everything = world.catalogue(30)
        before = world.build()
        items.set_boost(everything, 7, now=world.NOW)
        # The genres' names are read last, when all entries are written.
        with when_sql('FROM "content_genre" ORDER', fail), pytest.raises(OperationalError):
            world.build()
        failed = IndexBuild.objects.latest("pk")
        assert (failed.outcome, failed.keys_deleted) == (Outcome.FAILED, True)
        assert failed.detail == "OperationalError: the database went away"
        assert served_generation() == before.pk
        assert generations() == {before.pk}
        assert world.build().outcome == Outcome.PUBLISHED

    def test_a_redis_that_hangs_halfway_leaves_the_old_one_serving(self, redis_server: RedisServer) -> None:
        world.catalogue(30)
        before = world.build()
        with when_sql('FROM "content_itemgenre"', redis_server.pause), pytest.raises(REDIS_UNAVAILABLE):
            world.build()
        redis_server.resume()
        failed = IndexBuild.objects.latest("pk")
        assert failed.outcome == Outcome.FAILED
        assert served_generation() == before.pk
        assert all(0 < left <= indexes.UNFINISHED_TTL for left in lifetimes(failed.pk))
        # It could not even give the lock back; a minute later the next one may build.
        assert 0 < state_redis().ttl(keys.INDEX_LEASE.name()) <= 60
        state_redis().delete(keys.INDEX_LEASE.name())
        assert world.build().outcome == Outcome.PUBLISHED

    def test_an_emptied_redis_ends_a_build_that_was_under_way(self, redis_server: RedisServer) -> None:
        world.catalogue(30)
        marker = 'FROM "content_genre" ORDER'
        with (
            when_sql(marker, redis_server.flush),
            pytest.raises(builds.RebuildInProgress, match="lease was lost"),
        ):
            builds.rebuild_indexes(now=world.NOW, accept=True)
        assert indexes.get_pointer() is None
        assert IndexBuild.objects.latest("pk").outcome == Outcome.FAILED

    @pytest.mark.slow
    def test_a_killed_builder_leaves_nothing_that_lasts(self, started: Processes) -> None:
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
        assert served_generation() == before.pk
        assert all(0 < left <= indexes.UNFINISHED_TTL for left in lifetimes(dying))
        assert 0 < state_redis().ttl(keys.INDEX_LEASE.name()) <= 60
        with pytest.raises(builds.RebuildInProgress):
            world.build()
        state_redis().delete(keys.INDEX_LEASE.name())  # the minute is over
        assert world.build().items == 9_030
        dead = IndexBuild.objects.get(pk=dying)
        assert (dead.outcome, dead.detail) == (Outcome.FAILED, "its process died")

    def test_keys_of_a_builder_that_died_at_the_last_moment_are_deleted_by_the_next(self) -> None:
        world.catalogue(30)
        world.build()
        late = IndexBuild.objects.create(started_at=world.NOW, sizes={"trending": 1})
        state_redis().zadd(
            indexes.key(late.pk, "trending"), {"film-0001": 1.0}
        )  # kept for good, not yet pointed to
        world.build()
        assert late.pk not in generations()


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


class TestOneAtATime:
    def test_the_second_of_two_at_once_leaves(self) -> None:
        world.catalogue(20)
        refusals: list[str] = []

        def second() -> None:
            with pytest.raises(builds.RebuildInProgress) as busy:
                world.build()
            refusals.append(str(busy.value))
            with pytest.raises(CommandError, match="another process is rebuilding"):
                rebuild()
            assert tasks.rebuild_indexes() == "in progress"

        with when_sql('FROM "content_genre" ORDER', second):
            assert world.build().outcome == Outcome.PUBLISHED
        assert refusals == ["another process is rebuilding the indexes"]
        assert not state_redis().exists(keys.INDEX_LEASE.name())

    def test_a_builder_that_slept_too_long_does_not_overtake_its_successor(self) -> None:
        world.catalogue(20)

        def successor() -> None:
            state_redis().delete(keys.INDEX_LEASE.name())  # the sleeper's minute is over
            world.build()

        with when_sql('FROM "content_genre" ORDER', successor), pytest.raises(builds.RebuildInProgress):
            world.build()
        newest = IndexBuild.objects.latest("pk")
        assert served_generation() == newest.pk
        assert generations() == {newest.pk}


class TestRollback:
    def test_readers_go_back_and_forth_between_kept_generations(self) -> None:
        everything = world.catalogue(30)
        first = world.build()
        items.set_boost(everything[20:], 10, now=world.NOW)
        second = world.build()
        orders = [
            [item for item, _ in indexes.get_top(build.pk, "trending", 10)] for build in (first, second)
        ]
        assert orders[0] != orders[1]
        assert rebuild(rollback=first.pk) == f"rolled back to generation {first.pk}"
        assert get_item_ids(get_feed("ama", feed_type="trending")) == orders[0]
        assert rebuild(rollback=second.pk) == f"rolled back to generation {second.pk}"
        assert get_item_ids(get_feed("kofi", feed_type="trending")) == orders[1]

    def test_the_next_build_counts_on_from_the_newest(self) -> None:
        world.catalogue(30)
        first, second = world.build(), world.build()
        builds.rollback(first.pk)
        third = world.build()
        pointer = indexes.get_pointer()
        assert pointer is not None
        assert (pointer.generation, set(pointer.older_generations)) == (third.pk, {first.pk, second.pk})

    @pytest.mark.parametrize("number", [0, 10**9])
    def test_what_is_not_kept_cannot_be_gone_back_to(self, number: int) -> None:
        world.catalogue(5)
        world.build()
        with pytest.raises(CommandError, match=f"generation {number} is not kept"):
            rebuild(rollback=number)


class TestCommand:
    def test_it_says_what_it_built(self) -> None:
        world.catalogue(20)
        said = rebuild()
        number = served_generation()
        assert said == f"generation {number}: published; 20 items in 6 indexes"

    def test_it_says_so_when_redis_gives_no_answer(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        with pytest.raises(CommandError, match="Redis is unavailable"):
            rebuild()


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with processes(tmp_path_factory.mktemp("processes")) as running:
        yield running


class TestHealing:
    def test_an_emptied_redis_serves_degraded_and_heals_within_seconds(self, started: Processes) -> None:
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

    def test_a_thousand_requests_ask_for_one_rebuild(self) -> None:
        world.catalogue(20)
        for _ in range(5):
            get_feed("ama", refresh="true")
        assert state_redis().llen("indexes") == 1

    def test_a_degraded_session_is_short(self) -> None:
        world.catalogue(20)
        session = get_feed("ama")["meta"]["session"]
        assert 0 < state_redis().ttl(keys.SESSION.name(viewer="ama", feed="for_you")) <= 60
        assert 0 < state_redis().ttl(keys.PLAN.name(viewer="ama", session=session)) <= 60
