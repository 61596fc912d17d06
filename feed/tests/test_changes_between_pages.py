"""Changes between two pages of a session: rebuilds, unpublished items, lost plans."""

from collections import Counter
from typing import Any

import pytest

from content.models import Item
from content.services import items
from core.redis.client import state_redis
from feed import indexes, keys
from feed.tests import world
from feed.tests.plan_tools import get_shown_slots
from finishd.testing.api import get_feed, get_item_ids, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


Json = dict[str, Any]


def lose_plan(uid: str, session: str) -> None:
    """Delete the plan, as its expiry does."""
    names = [keys.PLAN.name(viewer=uid, session=session), keys.SLOTS.name(viewer=uid, session=session)]
    assert state_redis().delete(*names) == 2


def test_an_index_rebuild_between_pages_changes_nothing() -> None:
    world.catalogue(300)
    world.build()
    reference = walk_feed("kofi", limit=20, pages=2)
    first = get_feed("ama", limit=100)
    items.set_boost([f"film-{n:04d}" for n in range(250, 300)], 10, now=world.NOW)
    world.catalogue(50, start=300)
    world.build()
    rest = [first]
    while rest[-1]["meta"]["hasMore"]:
        rest.append(get_feed("ama", limit=100, cursor=rest[-1]["meta"]["cursor"]))
    walked = get_item_ids(*rest)
    assert len(walked) == len(set(walked)) == 300
    assert not [page for page in rest if page["meta"]["planRebuilt"] or page["meta"]["degraded"]]
    assert get_shown_slots(
        get_feed("kofi", limit=20, cursor=reference[0]["meta"]["cursor"])
    ) == get_shown_slots(reference[1])


def test_items_unpublished_between_pages_disappear_and_nothing_else_changes() -> None:
    world.catalogue(120)
    world.build()
    planned = get_item_ids(*walk_feed("ama", limit=20))
    first = get_feed("ama", limit=20)
    assert get_item_ids(first) == planned[:20]
    gone = set(planned[22:40:3]) | {planned[0]}
    items.set_status(sorted(gone), Item.Status.DRAFT, now=world.NOW)
    rest = [get_feed("ama", limit=20, cursor=first["meta"]["cursor"])]
    assert len(rest[0]["feed"]) == 20  # filled from the slots that follow
    while rest[-1]["meta"]["hasMore"]:
        rest.append(get_feed("ama", limit=20, cursor=rest[-1]["meta"]["cursor"]))
    assert get_item_ids(*rest) == [item for item in planned[20:] if item not in gone]


def test_a_page_whose_items_are_nearly_all_unpublished_is_filled_or_ends() -> None:
    world.catalogue(200)
    world.build()
    planned = get_item_ids(*walk_feed("ama", limit=100))
    first = get_feed("ama", limit=10)
    items.set_status(planned[10:195], Item.Status.ARCHIVED, now=world.NOW)
    second = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    assert get_item_ids(second) == planned[195:]
    assert second["meta"]["hasMore"] is False


def test_a_plan_that_expired_between_pages_continues_without_a_repeat() -> None:
    everything = world.catalogue(150)
    world.build()
    pages = walk_feed("ama", limit=10, pages=3)
    lose_plan("ama", pages[0]["meta"]["session"])
    fourth = get_feed("ama", limit=10, cursor=pages[-1]["meta"]["cursor"])
    assert fourth["meta"]["planRebuilt"] is True
    assert fourth["meta"]["degraded"] == []
    assert fourth["meta"]["page"] == 4
    pages.append(fourth)
    while pages[-1]["meta"]["hasMore"]:
        pages.append(get_feed("ama", limit=10, cursor=pages[-1]["meta"]["cursor"]))
        assert pages[-1]["meta"]["planRebuilt"] is False
    assert Counter(get_item_ids(*pages)) == Counter(everything)


def test_a_replaced_plan_does_not_repeat_items_that_replaced_unpublished_ones() -> None:
    world.catalogue(150)
    world.build()
    planned = get_item_ids(*walk_feed("ama", limit=50))
    items.set_status(planned[3:7], Item.Status.DRAFT, now=world.NOW)
    first = get_feed("ama", limit=10, refresh="true")
    head = get_item_ids(first)
    state_redis().flushdb()
    world.build()
    first = get_feed("ama", limit=10)
    later = get_item_ids(*walk_feed("ama", limit=50))
    items.set_status(later[2:6], Item.Status.DRAFT, now=world.NOW)
    first = get_feed("ama", limit=10)
    lose_plan("ama", first["meta"]["session"])
    second = get_feed("ama", limit=50, cursor=first["meta"]["cursor"])
    assert head
    assert not set(get_item_ids(first)) & set(get_item_ids(second))


def test_a_lost_served_list_is_reported_as_degraded() -> None:
    world.catalogue(150)
    world.build()
    first = get_feed("ama", limit=10)
    lose_plan("ama", first["meta"]["session"])
    state_redis().delete(keys.SERVED.name(viewer="ama"))
    second = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    assert second["meta"]["planRebuilt"] is True
    assert second["meta"]["degraded"] == ["served_history"]


def test_a_trending_session_keeps_its_generation_during_rebuilds() -> None:
    world.catalogue(450)
    build = world.build()

    order = [item for item, _ in indexes.get_top(build.pk, "trending", 450)]
    pages = [get_feed("ama", feed_type="trending", limit=100)]
    items.set_boost(order[400:], 10, now=world.NOW)
    world.build()
    while pages[-1]["meta"]["hasMore"]:
        pages.append(get_feed("ama", feed_type="trending", limit=100, cursor=pages[-1]["meta"]["cursor"]))
    assert get_item_ids(*pages) == order
