"""How long sessions, plans and what was served last, and what a walk through them may never do."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activity import keys as activity_keys
from content.models import Item
from content.services import items
from core.redis.client import state_redis
from core.redis.keys import get_declared_keys
from core.units import MINUTE
from feed import indexes, plans, recipe
from feed import keys as feed_keys
from feed.cursor import Cursor
from feed.plan_format import PlanHeader, SessionPointer
from feed.plans import PLAN_IDLE_TTL, PLAN_MAX_TTL, SESSION_HEAD_TTL, ChunkDraft
from feed.services.pages import Page, get_page
from feed.services.sessions import PageRequest
from feed.tests import world
from feed.types import Slot
from finishd.testing.api import get_client, get_feed, get_item_ids, walk_feed
from finishd.testing.events import append_and_read_events, make_event
from finishd.testing.inspection import find_key_violations

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

START = 1_795_000_000.0


def page(*, at: float = 0, cursor: Cursor | None = None, limit: int = 10, uid: str = "ama") -> Page:
    """A page `at` seconds after START."""
    return get_page(PageRequest(uid, "for_you", limit, START + at, cursor))


def items_of(*pages: Page) -> list[str]:
    return [entry.item for page in pages for entry in page.slots]


def plan_keys(session: str, uid: str = "ama") -> list[str]:
    return [
        feed_keys.PLAN.name(viewer=uid, session=session),
        feed_keys.SLOTS.name(viewer=uid, session=session),
    ]


def lives(session: str) -> int:
    """Seconds that the plan has left; its two keys go together."""
    plan, slots = (int(state_redis().ttl(name)) for name in plan_keys(session))
    assert abs(plan - slots) <= 1
    return plan


def age(session: str, left: int) -> None:
    """Let time pass until the plan has `left` seconds."""
    for name in plan_keys(session):
        state_redis().expire(name, left)


class TestLifetimes:
    @pytest.fixture(autouse=True)
    def _catalogue(self) -> None:
        world.catalogue(120)
        world.build()

    def test_the_head_answers_for_ten_minutes_from_its_start(self) -> None:
        first = page()
        assert page(at=SESSION_HEAD_TTL - 1).session == first.session
        assert items_of(page(at=SESSION_HEAD_TTL - 1)) == items_of(first)
        assert page(at=SESSION_HEAD_TTL).session != first.session

    def test_session_and_plan_begin_with_ten_minutes(self) -> None:
        first = page()
        assert 590 < lives(first.session) <= PLAN_IDLE_TTL == 10 * MINUTE
        pointer = int(state_redis().ttl(feed_keys.SESSION.name(viewer="ama", feed="for_you")))
        assert 590 < pointer <= SESSION_HEAD_TTL == 10 * MINUTE

    def test_reading_the_head_again_keeps_nothing_alive(self) -> None:
        first = page()
        age(first.session, 100)
        assert page().session == first.session
        assert lives(first.session) <= 100

    def test_reading_through_the_cursor_does(self) -> None:
        first = page()
        age(first.session, 100)
        page(at=500, cursor=first.cursor)
        assert 590 < lives(first.session) <= 600

    def test_but_not_beyond_two_hours_from_the_start(self) -> None:
        first = page()
        page(at=PLAN_MAX_TTL - 30, cursor=first.cursor)
        assert lives(first.session) <= 30
        page(at=PLAN_MAX_TTL + 30, cursor=first.cursor)
        assert lives(first.session) <= 30

    def test_a_forgotten_pointer_begins_a_session_and_leaves_the_old_one_to_its_cursor(self) -> None:
        first = page()
        state_redis().delete(feed_keys.SESSION.name(viewer="ama", feed="for_you"))
        assert page().session != first.session
        second = page(cursor=first.cursor)
        assert (second.session, second.plan_rebuilt) == (first.session, False)

    def test_a_plan_made_again_counts_its_two_hours_anew(self) -> None:
        first = page()
        state_redis().delete(*plan_keys(first.session))
        again = page(at=PLAN_MAX_TTL + 60, cursor=first.cursor)
        assert again.plan_rebuilt
        page(at=PLAN_MAX_TTL + 120, cursor=again.cursor)
        assert 590 < lives(first.session) <= 600

    def test_what_was_served_is_remembered_newest_first_for_a_day_and_capped(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert plans.MAX_SERVED_ITEMS == 2_000
        monkeypatch.setattr(plans, "MAX_SERVED_ITEMS", 25)
        pages = [page()]
        for _ in range(3):
            pages.append(page(cursor=pages[-1].cursor))
        served = state_redis().lrange(feed_keys.SERVED.name(viewer="ama"), 0, -1)
        newest = [f"{pages[0].session} {item}".encode() for item in reversed(items_of(*pages))]
        assert served == newest[:25]
        assert 0 < state_redis().ttl(feed_keys.SERVED.name(viewer="ama")) <= 24 * 3600

    def test_a_page_that_is_read_again_is_remembered_once(self) -> None:
        first = page()
        for _ in range(3):
            page()
            page(cursor=first.cursor)
        served = state_redis().lrange(feed_keys.SERVED.name(viewer="ama"), 0, -1)
        assert len(served) == len(set(served)) == 20


def draft(session: str, *ids: str, start: int = 0, degraded: tuple[str, ...] = ()) -> ChunkDraft:
    header = PlanHeader(session, "for_you", int(START), 1, degraded)
    return ChunkDraft(header, start, [Slot(i, "trending", "Trending now", 0.5) for i in ids], False, ())


def pointer(session: str) -> SessionPointer:
    return SessionPointer(session, int(START), 0)


class TestClaims:
    """Each is one script: of two at once the second finds the first one's work."""

    def test_the_first_plan_of_a_session_wins(self) -> None:
        one, two = draft("one", "a", "b"), draft("two", "c")
        assert plans.create_plan("ama", one, expected=None, pointer=pointer("one"), served_to=1) is None
        assert plans.create_plan("ama", two, expected=None, pointer=pointer("two"), served_to=1) == pointer(
            "one"
        )
        assert plans.serve_slots("ama", "two", start=0, count=10, served_to=0, ttl=0) is None
        # Who has seen the winner may follow it.
        assert (
            plans.create_plan("ama", two, expected=pointer("one"), pointer=pointer("two"), served_to=1)
            is None
        )

    def test_a_plan_is_made_again_only_where_it_is_gone(self) -> None:
        assert plans.replace_lost_plan("ama", draft("one", "a"), unrecorded=(), served_to=1)
        assert not plans.replace_lost_plan("ama", draft("one", "b"), unrecorded=(), served_to=1)
        view = plans.serve_slots("ama", "one", start=0, count=10, served_to=0, ttl=0)
        assert view is not None
        assert [item for item, _ in view.slots] == ["a"]

    def test_a_chunk_is_appended_only_to_the_plan_that_was_read(self) -> None:
        plans.replace_lost_plan("ama", draft("one", "a", "b"), unrecorded=(), served_to=0)
        more = draft("one", "c", start=2)
        gone = replace(more, header=replace(more.header, session="gone"))
        assert plans.append_chunk("ama", gone, length=0, start=0, count=10, served_to=0) is None
        for _ in range(2):
            view = plans.append_chunk("ama", more, length=2, start=0, count=10, served_to=0)
            assert view is not None
            assert ([item for item, _ in view.slots], view.end) == (["a", "b", "c"], 3)

    def test_one_viewers_sessions_are_not_anothers(self) -> None:
        plans.create_plan("ama", draft("one", "a"), expected=None, pointer=pointer("one"), served_to=1)
        assert (
            plans.create_plan("am", draft("one", "b"), expected=None, pointer=pointer("one"), served_to=1)
            is None
        )
        view = plans.serve_slots("ama", "one", start=0, count=10, served_to=0, ttl=0)
        assert view is not None
        assert [item for item, _ in view.slots] == ["a"]

    def test_what_staff_look_at_is_not_touched_by_looking(self) -> None:
        plans.create_plan("ama", draft("one", "a", "b"), expected=None, pointer=pointer("one"), served_to=0)
        age("one", 100)
        stored = plans.get_plan("ama", "one", count=1)
        assert stored is not None
        assert (stored.length, [slot.id for slot in stored.slots]) == (2, ["a"])
        assert lives("one") <= 100
        assert not state_redis().exists(feed_keys.SERVED.name(viewer="ama"))
        assert plans.get_plan("ama", "another", count=1) is None


class TestStandIns:
    """Items that took the places of vanished ones are served too, wherever that is remembered."""

    def test_none_comes_again_in_a_later_chunk_of_a_plan_that_was_made_again(self) -> None:
        everything = world.catalogue(450)
        world.build()
        session = get_feed("ama", limit=1)["meta"]["session"]
        planned = planned_for("ama", session)
        items.set_status(planned[1:9], Item.Status.DRAFT, now=world.NOW)
        pages = [get_feed("ama", limit=10)]
        assert get_item_ids(*pages) == [planned[0], *planned[9:18]]
        state_redis().delete(*plan_keys(session))
        while pages[-1]["meta"]["hasMore"]:
            pages.append(get_feed("ama", limit=50, cursor=pages[-1]["meta"]["cursor"]))
        assert Counter(get_item_ids(*pages)) == Counter(set(everything) - set(planned[1:9]))

    def test_many_of_them_do_not_make_a_cursor_too_long(self) -> None:
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
        # Forty of them stood beyond what the page had marked; forty ids of 64 characters fit in no cursor.
        assert len(first["meta"]["cursor"]) < 1_000
        state_redis().delete(*plan_keys(session))
        second = get_feed("ama", feed_type="trending", limit=100, cursor=first["meta"]["cursor"])
        assert second["meta"]["planRebuilt"]
        assert get_item_ids(second) == everything[249:349]


def planned_for(uid: str, session: str) -> list[str]:
    stored = plans.get_plan(uid, session, count=1_000)
    assert stored is not None
    return [slot.id for slot in stored.slots]


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
def test_whatever_happens_between_pages_a_walk_repeats_nothing_and_leaves_nothing_out() -> None:
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
    """Unpublish some of what is planned and not yet shown."""
    stored = plans.get_plan(uid, session, count=1_000)
    if stored is None:
        return set()
    coming = [slot.id for slot in stored.slots][max(ahead - stored.base, 0) :][:number]
    items.set_status(coming, Item.Status.DRAFT, now=world.NOW)
    return set(coming)


def test_after_a_busy_run_every_key_is_declared_and_bounded(settings: Any) -> None:
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
    # Those that stand for what is under way elsewhere: a build, a load, a rebuild, an erasure, a delivery.
    passing = {
        feed_keys.INDEX_LEASE,
        activity_keys.TIMELINE_LOAD,
        activity_keys.TIMELINE_REBUILD,
        activity_keys.ERASURE_CONTACTS,
        activity_keys.DELIVERY_LAGS,
        activity_keys.PULL_ACTIVITIES,
        activity_keys.STORE_CALLS,
    }
    assert ours - used <= passing


def test_declared_bounds_are_those_of_the_code() -> None:
    assert feed_keys.PLAN.ttl == feed_keys.SLOTS.ttl == PLAN_IDLE_TTL
    assert feed_keys.SESSION.ttl == SESSION_HEAD_TTL
    assert recipe.MAX_PLAN_SLOTS == 10 * recipe.CHUNK_SIZE == plans.MAX_SERVED_ITEMS == 2_000
