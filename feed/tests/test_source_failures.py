"""The cost of a failing source or store, and of filters that drop most candidates."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection

from activity import keys as activity_keys
from activity.services import profiles
from activity.store import get_store
from activity.types import StoreUnavailable
from content.models import Item
from content.services import items
from core.deadlines import optional_budget
from core.redis.client import state_redis
from feed import indexes
from feed import keys as feed_keys
from feed.feed_types import FOR_YOU
from feed.services.pages import get_page
from feed.services.sessions import PageRequest
from feed.sources.base import RecallRequest
from feed.tests import world
from feed.tests.source_tools import NOW
from finishd.testing.api import get_feed, get_item_ids, walk_feed


@contextmanager
def unavailable_store() -> Iterator[None]:
    """Make every query on the activity store's tables fail."""

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if '"activity_' in sql:
            raise OperationalError("the activity store is away")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield
    deadline = time.monotonic() + 10
    while not is_store_available():  # until its circuit breaker closes
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_store_available() -> bool:
    try:
        get_store().get_profile("nobody")
    except StoreUnavailable:
        return False
    return True


def get_ttls(uid: str, session: str, feed: str = "for_you") -> list[int]:
    """Return the TTLs of the session pointer, the plan and its slots."""
    names = [
        feed_keys.SESSION.name(viewer=uid, feed=feed),
        feed_keys.PLAN.name(viewer=uid, session=session),
        feed_keys.SLOTS.name(viewer=uid, session=session),
    ]
    return [int(state_redis().ttl(name)) for name in names]


def get_keys_read(uid: str, name: str) -> list[str]:
    """Return the keys that a source reads for a viewer: the first argument of each command that it queues."""
    (source,) = (source for source in FOR_YOU.sources if source.name == name)
    pipe = state_redis().pipeline()
    source.read(RecallRequest(profiles.get(uid), indexes.get_pointer(), 0, NOW)).queue(pipe)
    return [arguments[1] for arguments, _ in pipe.command_stack]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFailing:
    @pytest.fixture(autouse=True)
    def _everything(self) -> None:
        world.catalogue(300)
        world.build()
        world.choose("ama", "Drama")
        world.befriend("ama", range(100, 140))

    def break_source(self, name: str) -> None:
        """Replace the keys that the source reads by keys of another type, so that Redis replies with an error."""
        for key in get_keys_read("ama", name):
            state_redis().delete(key)
            state_redis().hset(key, "wrong", "kind")

    @pytest.mark.parametrize("source", FOR_YOU.shares)
    def test_a_failing_source_costs_its_share_only_and_for_a_minute(self, source: str) -> None:
        self.break_source(source)
        page = get_feed("ama", limit=40)
        assert len(page["feed"]) == 40
        assert page["meta"]["degraded"] == [source]
        assert source not in {item["source"] for item in page["feed"]}
        assert all(0 < left <= 60 for left in get_ttls("ama", page["meta"]["session"]))

    def test_the_next_session_after_a_recovery_is_not_degraded(self) -> None:
        self.break_source("friends")
        assert get_feed("ama", limit=40)["meta"]["degraded"] == ["friends"]
        state_redis().delete(*get_keys_read("ama", "friends"))
        page = get_feed("ama", limit=40, refresh="true")
        assert page["meta"]["degraded"] == []
        assert "friends" in {item["source"] for item in page["feed"]}
        assert all(500 < left <= 600 for left in get_ttls("ama", page["meta"]["session"]))

    def test_a_source_that_fails_during_an_extension_is_reported_and_shortens_the_ttl(self) -> None:
        first = get_feed("ama", limit=100)
        assert first["meta"]["degraded"] == []
        self.break_source("trending")
        # A chunk has 200 slots. Only the next chunk shows whether another slot follows the second page.
        second = get_feed("ama", limit=100, cursor=first["meta"]["cursor"])
        assert second["meta"]["degraded"] == ["trending"]
        assert len({*get_item_ids(first), *get_item_ids(second)}) == 200
        assert all(0 < left <= 60 for left in get_ttls("ama", second["meta"]["session"])[1:])

    def test_an_empty_page_is_returned_when_all_sources_fail(self) -> None:
        for source in FOR_YOU.shares:
            self.break_source(source)
        page = get_feed("ama", limit=40)
        assert page["feed"] == []
        assert page["meta"]["degraded"] == sorted(FOR_YOU.shares)

    def test_an_unavailable_activity_store_costs_a_cold_viewer_their_own_data_only(self) -> None:
        state_redis().delete(
            *[
                key.name(viewer="ama")
                for key in (activity_keys.PROFILE, activity_keys.SEEN_ITEMS, activity_keys.TIMELINE)
            ]
        )
        with unavailable_store():
            page = get_feed("ama", limit=40)
            timeline_sources = [source.name for source in FOR_YOU.sources if source.uses_timeline]
            assert page["meta"]["degraded"] == sorted(["history", "profile", *timeline_sources])
            assert len(page["feed"]) == 40
            assert {item["source"] for item in page["feed"]} == FOR_YOU.shares.keys() - {*timeline_sources}
            chosen = {i["reason"] for i in page["feed"] if i["source"] == "personalized"}
            assert chosen == {"Popular in Drama", "Popular in Comedy"}
            # Once its circuit breaker is open, no request waits for the store.
            again = [get_feed("ama", limit=10, refresh="true") for _ in range(3)]
            assert all(len(p["feed"]) == 10 for p in again)
        whole = get_feed("ama", limit=40, refresh="true")
        assert whole["meta"]["degraded"] == []

    def test_an_unavailable_activity_store_does_not_affect_a_warm_viewer(self) -> None:
        get_feed("ama")
        with unavailable_store():
            page = get_feed("ama", limit=40, refresh="true")
        assert page["meta"]["degraded"] == []
        assert "friends" in {item["source"] for item in page["feed"]}

    def test_a_spent_budget_skips_only_sources_that_make_more_calls(self) -> None:
        get_feed("ama")  # caches the viewer's history
        with optional_budget(-1):
            page = get_page(PageRequest("ama", "for_you", 40, time.time(), refresh=True))
        assert page.degraded == tuple(
            sorted(source.name for source in FOR_YOU.sources if source.makes_more_calls)
        )
        assert len(page.slots) == 40


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
class TestFilters:
    @pytest.mark.slow
    def test_a_viewer_who_finished_the_top_of_the_index_gets_the_items_below(self) -> None:
        everything = world.catalogue(900)
        world.build()
        finished = [f"movie:{1_000 + n}" for n in range(850)]
        world.finish("ama", finished)
        pages = walk_feed("ama", limit=20)
        assert sorted(get_item_ids(*pages)) == everything[850:]
        assert [len(page["feed"]) for page in pages] == [20, 20, 10]

    def test_unpublishing_the_top_of_the_index_does_not_hide_the_items_below(self) -> None:
        everything = world.catalogue(1_200)
        world.build()
        items.set_status(everything[:1_100], Item.Status.ARCHIVED, now=world.NOW)
        assert sorted(get_item_ids(*walk_feed("ama", limit=30))) == everything[1_100:]

    def test_a_viewer_who_finished_everything_gets_an_empty_last_page(self) -> None:
        everything = world.catalogue(60)
        world.build()
        world.finish("ama", [f"movie:{1_000 + n}" for n in range(len(everything))])
        page = get_feed("ama")
        assert (page["feed"], page["meta"]["hasMore"]) == ([], False)
