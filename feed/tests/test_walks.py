"""All pages of a session together, whatever happens between them, and the keys that they leave."""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity import keys as activity_keys
from content.models import Item
from content.services import items
from core.redis.client import state_redis
from core.redis.keys import get_declared_keys
from feed import indexes, stored_plans
from feed import keys as feed_keys
from feed.tests import world
from feed.tests.plan_tools import get_planned_items, plan_keys
from finishd.testing.api import get_client, get_feed, get_item_ids, walk_feed
from finishd.testing.events import append_and_read_events, make_event
from finishd.testing.inspection import find_key_violations

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


class TestReplacementsOfUnpublishedItems:
    """Items that replaced unpublished ones count as served, wherever that is recorded."""

    def test_a_replaced_plan_repeats_none_of_them(self) -> None:
        everything = world.catalogue(450)
        world.build()
        session = get_feed("ama", limit=1)["meta"]["session"]
        planned = get_planned_items("ama", session)
        items.set_status(planned[1:9], Item.Status.DRAFT, now=world.NOW)
        pages = [get_feed("ama", limit=10)]
        assert get_item_ids(*pages) == [planned[0], *planned[9:18]]
        state_redis().delete(*plan_keys(session))
        while pages[-1]["meta"]["hasMore"]:
            pages.append(get_feed("ama", limit=50, cursor=pages[-1]["meta"]["cursor"]))
        assert Counter(get_item_ids(*pages)) == Counter(set(everything) - set(planned[1:9]))

    def test_many_of_them_do_not_exceed_the_length_of_a_cursor(self) -> None:
        Item.objects.bulk_create(
            [
                Item(
                    id=f"{n:03d}-{'x' * 60}",
                    title=f"Long {n}",
                    content_type="clip",
                    status=Item.Status.PUBLISHED,
                    published_at=world.NOW,
                    title_key=f"item:{n:03d}",
                    popularity=400.0 - n,
                )
                for n in range(400)
            ]
        )
        build = world.build()
        everything = [item for item, _ in indexes.get_top(build.pk, "trending", 1_000)]
        session = get_feed("ama", feed_type="trending", limit=1)["meta"]["session"]
        items.set_status(everything[2:151], Item.Status.DRAFT, now=world.NOW)
        first = get_feed("ama", feed_type="trending", limit=100)
        assert get_item_ids(first) == [*everything[:2], *everything[151:249]]
        # Forty of them were beyond the recorded position; forty ids of 64 characters do not fit in a cursor.
        assert len(first["meta"]["cursor"]) < 1_000
        state_redis().delete(*plan_keys(session))
        second = get_feed("ama", feed_type="trending", limit=100, cursor=first["meta"]["cursor"])
        assert second["meta"]["planRebuilt"]
        assert get_item_ids(second) == everything[249:349]


steps = st.lists(
    st.tuples(st.sampled_from(["read", "read", "lose the plan", "withdraw", "again"]), st.integers(1, 40)),
    max_size=12,
)


@pytest.fixture
def _shelf() -> Iterator[None]:
    world.catalogue(430)
    world.build()
    yield
    assert find_key_violations() == []


@pytest.mark.usefixtures("_shelf")
def test_all_pages_together_have_no_repeat_and_no_gap_whatever_happens_between_them() -> None:
    walkers = iter(f"walker-{n}" for n in range(10_000))

    @settings(max_examples=15, deadline=None)
    @given(steps)
    def walk(steps: list[tuple[str, int]]) -> None:
        uid = next(walkers)
        pages = [get_feed(uid, limit=10)]
        session = pages[0]["meta"]["session"]
        withdrawn: set[str] = set()
        for step, number in [*steps, *[("read", 100)] * 6]:
            cursor = pages[-1]["meta"]["cursor"]
            if step == "lose the plan":
                state_redis().delete(*plan_keys(session, uid))
            elif step == "withdraw":
                withdrawn |= withdraw(uid, session, ahead=len(get_item_ids(*pages)), number=number % 15)
            elif cursor is not None:
                pages.append(get_feed(uid, limit=number, cursor=cursor))
                if step == "again":
                    assert get_item_ids(get_feed(uid, limit=number, cursor=cursor)) == get_item_ids(pages[-1])
        walked = Counter(get_item_ids(*pages))
        everything = set(Item.objects.values_list("id", flat=True))
        assert not [item for item, times in walked.items() if times > 1]
        assert everything - withdrawn <= set(walked)
        assert pages[-1]["meta"]["hasMore"] is False
        items.set_status(sorted(withdrawn), Item.Status.PUBLISHED, now=world.NOW)

    walk()


def withdraw(uid: str, session: str, *, ahead: int, number: int) -> set[str]:
    """Unpublish some of the next slots' items and return them."""
    stored = stored_plans.get_plan(uid, session, count=1_000)
    if stored is None:
        return set()
    coming = [slot.id for slot in stored.slots][max(ahead - stored.base, 0) :][:number]
    items.set_status(coming, Item.Status.DRAFT, now=world.NOW)
    return set(coming)


def test_every_key_that_a_busy_run_leaves_is_declared_and_bounded(settings: Any) -> None:
    settings.FEED_TRACE_PERCENT = 100
    world.catalogue(450)
    get_feed("ama")  # without an index: a task is queued
    world.build()
    for uid in ("ama", "kofi", "{mei} of 100% :*?"):
        world.choose(uid, "Drama", "Comedy")
        world.befriend(uid, range(100, 120))
        walk_feed(uid, limit=90, refresh="true")
        walk_feed(uid, limit=50, feed_type="trending")
    get_client("ama").post("/api/v1/social/block", {"target_uid": "kofi", "action": "block"})
    append_and_read_events(make_event("ama", "film-0001", "skip", at=int(time.time())))
    get_feed("ama", limit=10)
    assert find_key_violations() == []
    live = [bytes(raw).decode() for raw in state_redis().scan_iter()]
    used = {key for key in get_declared_keys() if any(map(key.matches, live))}
    ours = {key for key in get_declared_keys() if key.owner in {"content", "analytics", "activity", "feed"}}
    # Keys of work in progress elsewhere: a build, a load, a rebuild, an erasure, a delivery.
    passing = {
        feed_keys.INDEX_LEASE,
        activity_keys.TIMELINE_LOAD,
        activity_keys.TIMELINE_REBUILD,
        activity_keys.ERASURE_CONTACTS,
        activity_keys.ERASURE_NAME,
        activity_keys.DELIVERY_LAGS,
        activity_keys.PULL_ACTIVITIES,
        activity_keys.STORE_CALLS,
        activity_keys.UNDONE,
        activity_keys.UNFOLLOWED,
    }
    assert ours - used <= passing
