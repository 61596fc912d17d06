"""The TTLs of sessions and plans, and the served list."""

import pytest

from core.redis.client import state_redis
from core.units import MINUTE
from feed import keys as feed_keys
from feed import plans
from feed.cursor import Cursor
from feed.plans import PLAN_IDLE_TTL, PLAN_MAX_TTL, SESSION_POINTER_TTL
from feed.services.pages import Page, get_page
from feed.services.sessions import PageRequest
from feed.tests import world
from feed.tests.plan_tools import get_plan_ttl, plan_keys, set_plan_ttl

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


START = 1_795_000_000.0


def page(*, at: float = 0, cursor: Cursor | None = None, limit: int = 10, uid: str = "ama") -> Page:
    """Return the page requested `at` seconds after START."""
    return get_page(PageRequest(uid, "for_you", limit, START + at, cursor))


def get_items(*pages: Page) -> list[str]:
    return [entry.item for page in pages for entry in page.slots]


class TestLifetimes:
    @pytest.fixture(autouse=True)
    def _catalogue(self) -> None:
        world.catalogue(120)
        world.build()

    def test_a_session_answers_requests_without_a_cursor_for_ten_minutes(self) -> None:
        first = page()
        assert page(at=SESSION_POINTER_TTL - 1).session == first.session
        assert get_items(page(at=SESSION_POINTER_TTL - 1)) == get_items(first)
        assert page(at=SESSION_POINTER_TTL).session != first.session

    def test_a_new_session_and_its_plan_expire_after_ten_minutes(self) -> None:
        first = page()
        assert 590 < get_plan_ttl(first.session) <= PLAN_IDLE_TTL == 10 * MINUTE
        pointer = int(state_redis().ttl(feed_keys.SESSION.name(viewer="ama", feed="for_you")))
        assert 590 < pointer <= SESSION_POINTER_TTL == 10 * MINUTE

    def test_reading_the_first_page_again_does_not_extend_the_plan(self) -> None:
        first = page()
        set_plan_ttl(first.session, 100)
        assert page().session == first.session
        assert get_plan_ttl(first.session) <= 100

    def test_reading_with_a_cursor_extends_the_plan(self) -> None:
        first = page()
        set_plan_ttl(first.session, 100)
        page(at=500, cursor=first.cursor)
        assert 590 < get_plan_ttl(first.session) <= 600

    def test_a_plan_never_lives_longer_than_two_hours(self) -> None:
        first = page()
        page(at=PLAN_MAX_TTL - 30, cursor=first.cursor)
        assert get_plan_ttl(first.session) <= 30
        page(at=PLAN_MAX_TTL + 30, cursor=first.cursor)
        assert get_plan_ttl(first.session) <= 30

    def test_without_a_pointer_a_session_starts_and_the_old_one_continues_with_its_cursor(self) -> None:
        first = page()
        state_redis().delete(feed_keys.SESSION.name(viewer="ama", feed="for_you"))
        assert page().session != first.session
        second = page(cursor=first.cursor)
        assert (second.session, second.plan_rebuilt) == (first.session, False)

    def test_a_replaced_plan_lives_two_hours_from_its_replacement(self) -> None:
        first = page()
        state_redis().delete(*plan_keys(first.session))
        again = page(at=PLAN_MAX_TTL + 60, cursor=first.cursor)
        assert again.plan_rebuilt
        page(at=PLAN_MAX_TTL + 120, cursor=again.cursor)
        assert 590 < get_plan_ttl(first.session) <= 600

    def test_the_served_list_is_newest_first_capped_and_kept_for_a_day(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert plans.MAX_SERVED_ITEMS == 2_000
        monkeypatch.setattr(plans, "MAX_SERVED_ITEMS", 25)
        pages = [page()]
        for _ in range(3):
            pages.append(page(cursor=pages[-1].cursor))
        served = state_redis().lrange(feed_keys.SERVED.name(viewer="ama"), 0, -1)
        newest = [f"{pages[0].session} {item}".encode() for item in reversed(get_items(*pages))]
        assert served == newest[:25]
        assert 0 < state_redis().ttl(feed_keys.SERVED.name(viewer="ama")) <= 24 * 3600

    def test_a_page_that_is_read_again_is_recorded_once(self) -> None:
        first = page()
        for _ in range(3):
            page()
            page(cursor=first.cursor)
        served = state_redis().lrange(feed_keys.SERVED.name(viewer="ama"), 0, -1)
        assert len(served) == len(set(served)) == 20
