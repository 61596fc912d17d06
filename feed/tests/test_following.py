"""The following feed: its JSON, its order and its pages."""

from typing import Any

import pytest

from activity import timeline_cache
from activity.services import follows, people, presence, relations
from activity.types import Relation, TimelineRow
from content.models import Item
from content.services import items
from feed.sources import FOLLOWING
from feed.tests import world
from finishd.testing.api import get_feed, get_item_ids, walk_feed
from finishd.testing.people import Messages, messages

__all__ = ["messages"]

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
NOW = int(world.NOW.timestamp())
LIKED = Relation(favorite=True)


@pytest.fixture(autouse=True)
def _world(messages: Messages) -> None:
    world.catalogue(80)
    world.build()
    presence.mark_active("ama")
    for author, name, picture in [
        ("kofi", "Kofi", "https://pictures.example/kofi.jpg"),
        ("mei", "Mei", None),
        ("zuri", None, None),
    ]:
        people.sync_name_from_token(author, name, picture)
        follows.follow("ama", author, now=NOW)
    messages.run_all()


def do(
    messages: Messages, uid: str, number: int, relation: Relation = LIKED, *, ago: int | None = None
) -> None:
    ago = 60 * number if ago is None else ago
    relations.set_relation(uid, f"movie:{1_000 + number}", relation, source=None, now=NOW - ago)
    messages.run_all()


def following(**query: Any) -> dict[str, Any]:
    return get_feed("ama", feed_type="following", **query)


def test_an_item_names_the_friend_the_activity_and_its_time(messages: Messages) -> None:
    do(messages, "kofi", 3, Relation("finished", True, 4), ago=90)
    (item,) = following()["feed"]
    assert (item["id"], item["type"], item["source"]) == ("film-0003", "social_activity", "following")
    assert (item["status"], item["rating"], item["isFavorite"]) == ("finished", 4, True)
    assert item["timestamp"] == "2026-11-23T11:58:30Z"
    kofi = {"uid": "kofi", "username": "Kofi", "avatarUrl": "https://pictures.example/kofi.jpg"}
    assert item["friend"] == kofi
    assert item["friends"] == [kofi]
    assert item["reason"] == "Kofi liked this"
    assert (item["title"], item["contentType"], item["tmdbId"]) == ("Film 3", "trailer", 1_003)


@pytest.mark.parametrize(
    ("relation", "status", "reason"),
    [
        (Relation("watching"), "watching", "Kofi is watching this"),
        (Relation("watchlist"), "watchlist", "Kofi wants to watch this"),
        (Relation("finished"), "finished", "Kofi watched this"),
        (Relation(favorite=True), "liked", "Kofi liked this"),
        (Relation(rating=5), "rated", "Kofi liked this"),
        (Relation(rating=1), "rated", "Kofi rated this"),
        (Relation("finished", False, 2), "finished", "Kofi rated this"),
    ],
)
def test_every_activity_has_a_status_and_a_reason(
    messages: Messages, relation: Relation, status: str, reason: str
) -> None:
    do(messages, "kofi", 3, relation)
    (item,) = following()["feed"]
    assert (item["status"], item["reason"]) == (status, reason)


def test_low_ratings_are_in_the_following_feed_only(messages: Messages) -> None:
    do(messages, "kofi", 70, Relation(rating=2))
    do(messages, "kofi", 71, Relation(rating=3))
    do(messages, "kofi", 72, Relation("finished", True, 1))
    assert get_item_ids(following()) == ["film-0070", "film-0071", "film-0072"]
    page = get_feed("ama", limit=100)
    assert {i["id"] for i in page["feed"] if i["source"] == "friends"} == {"film-0071", "film-0072"}


def test_a_title_has_one_item_with_its_newest_supporter_first(messages: Messages) -> None:
    do(messages, "kofi", 3, ago=300)
    do(messages, "kofi", 4, ago=200)
    do(messages, "mei", 3, Relation("watching"), ago=100)
    do(messages, "zuri", 3, ago=400)
    first, second = following()["feed"]
    assert (first["id"], second["id"]) == ("film-0003", "film-0004")
    assert [friend["uid"] for friend in first["friends"]] == ["mei", "kofi", "zuri"]
    assert (first["friend"]["uid"], first["status"]) == ("mei", "watching")
    assert first["friends"][2]["username"] is None
    # The likes of Kofi and Zuri are stronger than watching, and Kofi's like is newer.
    assert first["reason"] == "Kofi and 2 others liked this"


def test_an_undone_activity_removes_the_supporter_and_the_last_one_the_item(messages: Messages) -> None:
    do(messages, "kofi", 3)
    do(messages, "mei", 3)
    do(messages, "mei", 3, Relation())
    (item,) = following()["feed"]
    assert [friend["uid"] for friend in item["friends"]] == ["kofi"]
    do(messages, "kofi", 3, Relation())
    assert following()["feed"] == []


def test_twenty_friends_are_listed_and_an_older_one_can_be_named_in_the_reason(messages: Messages) -> None:
    for number in range(25):
        uid = f"friend-{number:02}"
        people.sync_name_from_token(uid, f"Friend {number}", None)
        follows.follow("ama", uid, now=NOW)
        do(messages, uid, 3, LIKED if number == 24 else Relation("watchlist"), ago=number)
    (item,) = following()["feed"]
    assert [friend["uid"] for friend in item["friends"]] == [f"friend-{n:02}" for n in range(20)]
    assert item["reason"] == "Friend 24 and 24 others liked this"


def test_all_pages_show_the_timeline_at_the_time_of_the_first_one(messages: Messages) -> None:
    for number in range(20):
        if number % 10 != 9:
            do(messages, "kofi", number)
    everything = [f"film-{n:04}" for n in range(20) if n % 10 != 9]
    page = following(limit=6)
    assert get_item_ids(page) == everything[:6]
    # Between two pages: a like by another friend, a first like, and an undone one.
    do(messages, "mei", 10, ago=-6)
    do(messages, "mei", 30, ago=-5)
    do(messages, "kofi", 12, Relation())
    rest = following(limit=100, cursor=page["meta"]["cursor"])
    assert get_item_ids(rest) == everything[6:]
    assert rest["meta"]["hasMore"] is False
    fresh = get_item_ids(following(limit=100))
    assert fresh[:2] == ["film-0010", "film-0030"]
    assert "film-0012" not in fresh
    assert len(fresh) == len(set(fresh)) == 18


def test_a_long_timeline_is_planned_in_one_chunk(messages: Messages) -> None:
    world.catalogue(420, start=80)
    numbers = [n for n in range(80, 500) if n % 10 != 9]
    rows = [TimelineRow("kofi", f"movie:{1_000 + n}", NOW - n, favorite=True) for n in numbers]
    timeline_cache.load("ama", lambda: rows, limit=1_000)
    pages = [following(limit=100)]
    do(messages, "zuri", 450, ago=-10)
    while pages[-1]["meta"]["hasMore"]:
        pages.append(following(limit=100, cursor=pages[-1]["meta"]["cursor"]))
    assert get_item_ids(*pages) == [f"film-{n:04}" for n in numbers]
    assert get_item_ids(following(limit=1)) == ["film-0450"]


def test_an_unpublished_title_is_left_out_until_it_is_published_again(messages: Messages) -> None:
    do(messages, "kofi", 3)
    do(messages, "kofi", 4)
    items.set_status(["film-0003"], Item.Status.DRAFT, now=world.NOW)
    assert get_item_ids(following()) == ["film-0004"]
    items.set_status(["film-0003"], Item.Status.PUBLISHED, now=world.NOW)
    assert get_item_ids(following()) == ["film-0003", "film-0004"]


def test_a_viewer_without_followees_gets_an_empty_feed(messages: Messages) -> None:
    page = get_feed("yaa", feed_type="following")
    assert (page["feed"], page["meta"]["hasMore"], page["meta"]["cursor"]) == ([], False, None)


def test_every_request_without_a_cursor_starts_a_session(messages: Messages) -> None:
    do(messages, "kofi", 3)
    first = following()
    do(messages, "kofi", 2, ago=0)
    second = following()
    assert first["meta"]["session"] != second["meta"]["session"]
    assert get_item_ids(second) == ["film-0002", "film-0003"]


def test_the_last_page_has_no_next_page(messages: Messages) -> None:
    for number in range(8):
        do(messages, "kofi", number)
    pages = walk_feed("ama", feed_type="following", limit=3)
    assert [len(page["feed"]) for page in pages] == [3, 3, 2]
    assert FOLLOWING.fetch_limit == 400
