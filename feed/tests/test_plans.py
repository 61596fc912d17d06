"""Stored plans: each function is one script, so concurrent requests see each other's result."""

from dataclasses import replace

import pytest

from core.redis.client import state_redis
from feed import keys as feed_keys
from feed import plans, recipe, stored_plans
from feed.plan_format import PlanHeader, SessionPointer, get_item_id
from feed.plans import PLAN_IDLE_TTL, SESSION_POINTER_TTL, ChunkDraft
from feed.tests.plan_tools import get_plan_ttl, set_plan_ttl
from feed.types import Slot

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


START = 1_795_000_000.0


def draft(session: str, *ids: str, start: int = 0, degraded: tuple[str, ...] = ()) -> ChunkDraft:
    header = PlanHeader(session, "for_you", int(START), 1, degraded)
    return ChunkDraft(header, start, [Slot(i, "trending", "Trending now", 0.5) for i in ids], False, ())


def pointer(session: str) -> SessionPointer:
    return SessionPointer(session, int(START), 0)


class TestStoringPlans:
    """If two requests run concurrently, the second finds the result of the first."""

    def test_the_first_plan_of_a_session_is_stored(self) -> None:
        one, two = draft("one", "a", "b"), draft("two", "c")
        assert plans.create_plan("ama", one, expected=None, pointer=pointer("one"), served_to=1) is None
        assert plans.create_plan("ama", two, expected=None, pointer=pointer("two"), served_to=1) == pointer(
            "one"
        )
        assert plans.serve_slots("ama", "two", start=0, count=10, served_to=0, ttl=0) is None
        # A request that has read the current pointer can replace it.
        assert (
            plans.create_plan("ama", two, expected=pointer("one"), pointer=pointer("two"), served_to=1)
            is None
        )

    def test_only_a_lost_plan_is_replaced(self) -> None:
        assert plans.replace_lost_plan("ama", draft("one", "a"), unrecorded=(), served_to=1)
        assert not plans.replace_lost_plan("ama", draft("one", "b"), unrecorded=(), served_to=1)
        view = plans.serve_slots("ama", "one", start=0, count=10, served_to=0, ttl=0)
        assert view is not None
        assert [get_item_id(slot) for slot in view.slots] == ["a"]

    def test_a_chunk_is_appended_only_to_the_plan_that_was_read(self) -> None:
        plans.replace_lost_plan("ama", draft("one", "a", "b"), unrecorded=(), served_to=0)
        more = draft("one", "c", start=2)
        gone = replace(more, header=replace(more.header, session="gone"))
        assert plans.append_chunk("ama", gone, length=0, start=0, count=10, served_to=0) is None
        for _ in range(2):
            view = plans.append_chunk("ama", more, length=2, start=0, count=10, served_to=0)
            assert view is not None
            assert ([get_item_id(slot) for slot in view.slots], view.end) == (["a", "b", "c"], 3)

    def test_sessions_of_two_viewers_are_separate(self) -> None:
        plans.create_plan("ama", draft("one", "a"), expected=None, pointer=pointer("one"), served_to=1)
        assert (
            plans.create_plan("am", draft("one", "b"), expected=None, pointer=pointer("one"), served_to=1)
            is None
        )
        view = plans.serve_slots("ama", "one", start=0, count=10, served_to=0, ttl=0)
        assert view is not None
        assert [get_item_id(slot) for slot in view.slots] == ["a"]

    def test_get_plan_neither_serves_slots_nor_extends_the_plan(self) -> None:
        plans.create_plan("ama", draft("one", "a", "b"), expected=None, pointer=pointer("one"), served_to=0)
        set_plan_ttl("one", 100)
        stored = stored_plans.get_plan("ama", "one", count=1)
        assert stored is not None
        assert (stored.length, [slot.id for slot in stored.slots]) == (2, ["a"])
        assert get_plan_ttl("one") <= 100
        assert not state_redis().exists(feed_keys.SERVED.name(viewer="ama"))
        assert stored_plans.get_plan("ama", "another", count=1) is None


def test_declared_ttls_and_bounds_equal_those_of_the_code() -> None:
    assert feed_keys.PLAN.ttl == feed_keys.SLOTS.ttl == PLAN_IDLE_TTL
    assert feed_keys.SESSION.ttl == SESSION_POINTER_TTL
    assert recipe.MAX_PLAN_SLOTS == 10 * recipe.CHUNK_SIZE == plans.MAX_SERVED_ITEMS == 2_000
