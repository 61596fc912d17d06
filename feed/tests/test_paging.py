"""Pages over HTTP: order, ends, cursors and invalid queries."""

from collections import Counter
from typing import Any

import pytest

from feed import recipe
from feed.tests import world
from feed.tests.plan_tools import get_shown_slots
from finishd.testing.api import get_client, get_feed, get_item_ids, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


Json = dict[str, Any]


def test_twenty_pages_have_no_repeat_and_no_gap() -> None:
    everything = world.catalogue(230)
    world.build()
    pages = walk_feed("ama", limit=12)
    assert len(pages) == 20
    assert Counter(get_item_ids(*pages)) == Counter(everything)
    assert [page["meta"]["page"] for page in pages] == list(range(1, 21))
    assert {page["meta"]["session"] for page in pages} == {pages[0]["meta"]["session"]}
    assert all(page["meta"]["hasMore"] == (page["meta"]["cursor"] is not None) for page in pages)


def test_the_page_at_the_end_of_the_plan_has_no_next_page() -> None:
    world.catalogue(40)
    world.build()
    pages = walk_feed("ama", limit=10)
    assert [len(page["feed"]) for page in pages] == [10, 10, 10, 10]


def test_the_same_request_again_gives_the_same_page() -> None:
    world.catalogue(60)
    world.build()
    first = get_feed("ama", limit=10)
    again = get_feed("ama", limit=10)
    assert get_shown_slots(first) == get_shown_slots(again)
    assert first["meta"]["session"] == again["meta"]["session"]
    second = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    assert get_shown_slots(second) == get_shown_slots(
        get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    )
    assert not set(get_item_ids(second)) & set(get_item_ids(first))


def test_a_session_continues_through_several_chunks_to_the_end_of_the_catalogue() -> None:
    everything = world.catalogue(730)
    world.build()
    world.choose("ama", "Drama", "Comedy")
    pages = walk_feed("ama", limit=100)
    assert Counter(get_item_ids(*pages)) == Counter(everything)
    assert [len(page["feed"]) for page in pages] == [100] * 7 + [30]


def test_a_session_ends_at_two_thousand_slots() -> None:
    world.catalogue(2_150)
    world.build()
    pages = walk_feed("ama", limit=100)
    walked = get_item_ids(*pages)
    assert len(walked) == len(set(walked)) == recipe.MAX_PLAN_SLOTS
    assert pages[-1]["meta"]["hasMore"] is False


def test_the_cursor_of_another_viewer_is_refused() -> None:
    world.catalogue(50)
    world.build()
    cursor = get_feed("ama")["meta"]["cursor"]
    answer = get_client("kofi").get("/api/v1/feed", {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_cursor"


def test_an_empty_catalogue_gives_an_empty_feed() -> None:
    page = get_feed("ama")
    assert page["feed"] == []
    assert page["meta"]["hasMore"] is False
    assert page["meta"]["cursor"] is None
    assert page["meta"]["itemCount"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "ten"},
        {"feed_type": "for-you"},
        {"cursor": "made-up"},
        {"cursor": "x" * 5_000},
        {"refresh": "perhaps"},
    ],
)
def test_an_invalid_query_gets_a_400_with_a_code_and_a_message(query: Json) -> None:
    answer = get_client("ama").get("/api/v1/feed", query)
    assert answer.status_code == 400
    body = answer.json()
    assert body["error"] is True
    assert body["statusCode"] == 400
    assert body["message"]
    assert body["code"] in {"invalid", "invalid_cursor"}


def test_a_cursor_is_refused_for_another_feed_type() -> None:
    world.catalogue(50)
    world.build()
    cursor = get_feed("ama", feed_type="trending")["meta"]["cursor"]
    answer = get_client("ama").get("/api/v1/feed", {"cursor": cursor})
    assert answer.json()["code"] == "invalid_cursor"
