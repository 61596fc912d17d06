"""The API while Redis answers reads and rejects writes: reads go on, and changes are a 503."""

import logging
from typing import Any, Final

import pytest

from content.models import Item
from content.services import items
from core.redis.client import state_redis
from core.telemetry import WRITES_SKIPPED, labelled
from feed import keys as feed_keys
from feed import plans, served_lists
from feed.services import pages
from feed.tests import world
from finishd.testing.api import get_client, get_feed, get_item_ids
from finishd.tests.conftest import Fault

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

# Two of the four reasons suffice for most tests: MISCONF also rejects EXPIRE and UNLINK, OOM does not.
two_reasons = pytest.mark.parametrize("rejecting", ["OOM", "MISCONF"], indirect=True)
LISTS: Final = tuple(f"/api/v1/social/{name}/ama" for name in ("followers", "following", "stats", "mutuals"))
EVENT: Final = {"eventType": "like", "itemId": "film-0001", "timestamp": "2026-11-26T08:00:00Z"}
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "/api/v1/user-titles/sync": {"title_id": "603", "media_type": "movie", "is_favorite": True},
    "/api/v1/social/follow": {"target_uid": "kofi", "action": "follow"},
    "/api/v1/social/block": {"target_uid": "kofi", "action": "block"},
    "/api/v1/user/preferences/sync": {"selectedGenres": ["drama"]},
    "/api/v1/analytics/event": {"events": [EVENT]},
}


@pytest.fixture(autouse=True)
def _world() -> None:
    world.catalogue(60)
    world.build()


def get_skipped(what: str) -> float:
    skipped: float = labelled(WRITES_SKIPPED, what)._value.get()
    return skipped


def lose_plan(session: str) -> None:
    names = [key.name(viewer="ama", session=session) for key in (feed_keys.PLAN, feed_keys.SLOTS)]
    assert state_redis().delete(*names) == 2


def test_existing_sessions_lists_and_search_answer(rejecting: Fault) -> None:
    first = get_feed("ama")
    with rejecting():
        assert get_item_ids(get_feed("ama")) == get_item_ids(first)
        second = get_feed("ama", cursor=first["meta"]["cursor"])
        third = get_feed("ama", cursor=second["meta"]["cursor"])
        for path in (*LISTS, "/api/v1/search?q=film"):
            assert get_client("ama").get(path).status_code == 200, path
    shown = get_item_ids(first, second, third)
    assert len(set(shown)) == len(shown) == 30


def test_new_plans_and_changes_are_a_503(rejecting: Fault) -> None:
    get_feed("ama")
    with rejecting():
        refused = [get_client("kofi").get("/api/v1/feed"), get_client("ama").get("/api/v1/feed?refresh=true")]
        refused += [get_client("ama").post(path, body, format="json") for path, body in CHANGES.items()]
    assert {(answer.status_code, answer["Retry-After"]) for answer in refused} == {(503, "5")}
    assert get_client("kofi").get("/api/v1/feed").status_code == 200
    for path, body in CHANGES.items():
        assert get_client("ama").post(path, body, format="json").status_code == 200, path


@two_reasons
def test_a_new_plan_is_not_built_in_vain(rejecting: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any) -> None:
        raise AssertionError("a plan was built that Redis rejects")

    monkeypatch.setattr("feed.building.build_chunk", build)
    with rejecting():
        assert get_client("ama").get("/api/v1/feed").status_code == 503


@two_reasons
def test_a_server_that_lost_its_scripts_serves_existing_sessions(rejecting: Fault) -> None:
    first = get_feed("ama")
    with rejecting():
        state_redis().script_flush()
        second = get_feed("ama", cursor=first["meta"]["cursor"])
    assert len({*get_item_ids(first, second)}) == 20


@two_reasons
def test_copies_that_are_not_cached_are_loaded_and_not_stored(rejecting: Fault) -> None:
    first = get_feed("ama")
    for pattern in ("card:*", "profile:*", "name:*"):
        for name in state_redis().keys(pattern):
            state_redis().delete(name)
    skipped = get_skipped("cache")
    with rejecting():
        assert get_item_ids(get_feed("ama")) == get_item_ids(first)
        assert len(get_client("ama").get("/api/v1/search?q=film").json()) == 20
    assert get_skipped("cache") > skipped


@two_reasons
def test_skipped_writes_are_counted_and_logged_without_a_traceback(
    rejecting: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    first = get_feed("ama")
    before = {what: get_skipped(what) for what in ("limits", "served")}
    with rejecting():
        get_feed("ama", cursor=first["meta"]["cursor"])
    assert {what: get_skipped(what) - before[what] for what in before} == {"limits": 1, "served": 1}
    lines = [record for record in caplog.records if record.name == "core.redis.rejections"]
    assert {record.levelno for record in lines} == {logging.WARNING}
    assert not [record for record in caplog.records if record.exc_info]


@two_reasons
class TestServedMarks:
    """Items that were served while Redis rejected the marks are not repeated in their session."""

    def test_the_next_page_records_what_is_missing(self, rejecting: Fault) -> None:
        first = get_feed("ama")
        with rejecting():
            second = get_feed("ama", cursor=first["meta"]["cursor"])
        third = get_feed("ama", cursor=second["meta"]["cursor"])
        served = served_lists.read("ama", first["meta"]["session"]).fetch(state_redis())
        assert served.in_session == set(get_item_ids(first, second, third))
        assert served.session_entries == 30

    def test_a_plan_that_is_lost_afterwards_is_replaced_without_a_repeat(self, rejecting: Fault) -> None:
        first = get_feed("ama")
        plan = plans.read_state("ama", first["meta"]["session"]).fetch(state_redis())
        assert plan is not None
        items.set_status(plan.item_ids[12:15], Item.Status.DRAFT, now=world.NOW)
        with rejecting():
            second = get_feed("ama", cursor=first["meta"]["cursor"])
            third = get_feed("ama", cursor=second["meta"]["cursor"])
        lose_plan(first["meta"]["session"])
        fourth = get_feed("ama", cursor=third["meta"]["cursor"], limit=100)
        shown = get_item_ids(first, second, third, fourth)
        assert fourth["meta"]["planRebuilt"]
        assert fourth["meta"]["degraded"] == []
        assert len(set(shown)) == len(shown) == 57

    def test_more_of_them_than_a_cursor_can_carry_are_a_503(
        self, rejecting: Fault, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pages, "MAX_REJECTED_CHARS", 200)
        first = get_feed("ama")
        with rejecting():
            second = get_feed("ama", cursor=first["meta"]["cursor"])
            refused = get_client("ama").get("/api/v1/feed", {"cursor": second["meta"]["cursor"]})
        assert refused.status_code == 503
        assert get_client("ama").get("/api/v1/feed", {"cursor": second["meta"]["cursor"]}).status_code == 200

    def test_a_rejected_mark_changes_nothing(self, rejecting: Fault) -> None:
        session = get_feed("ama")["meta"]["session"]
        before = plans.serve_slots("ama", session, start=10, count=5, served_to=0, ttl=0)
        with rejecting():
            found = plans.serve_slots("ama", session, start=10, count=5, served_to=15, ttl=60)
        assert before is not None
        assert found is not None
        assert (found.recorded, before.recorded) == (False, True)
        assert found.slots == before.slots
        assert state_redis().hget(feed_keys.PLAN.name(viewer="ama", session=session), "served_to") == b"10"
        assert state_redis().llen("served:{ama}") == 10
