"""Pages while another version writes the same keys: fields that it added are ignored, unreadable values are absent."""

from collections.abc import Callable
from typing import Any, Final, cast

import orjson
import pytest

from activity import keys as activity_keys
from activity.services import profiles
from content import keys as content_keys
from core.redis.client import cache_redis, state_redis
from feed import cursor as cursors
from feed import indexes, keys
from feed.services import inspect
from feed.tests import world
from finishd.testing.api import Json, get_client, get_feed, get_item_ids, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Change = Callable[[bytes], bytes]
GARBAGE: Final[tuple[bytes, ...]] = (b"\xff\xfe garbage", b"", b"[]", b"7|{}", b'{"session": 5}', b"null")


def add_field(raw: bytes) -> bytes:
    """Add a field to the JSON object in a value."""
    start = raw.index(b"{")
    return raw[:start] + orjson.dumps({**orjson.loads(raw[start:]), "a_newer_field": {"a": [1]}})


def change_string(client: Any, name: str, change: Change) -> None:
    client.set(name, change(client.get(name)), keepttl=True)


def change_plan(session: str, field: str, change: Change) -> None:
    name = keys.PLAN.name(viewer="ama", session=session)
    client: Any = state_redis()
    client.hset(name, field, change(client.hget(name, field)))


def change_slots(session: str, change: Change, *, start: int, stop: int) -> None:
    name = keys.SLOTS.name(viewer="ama", session=session)
    client: Any = state_redis()
    for index in range(start, stop):
        client.lset(name, index, change(client.lindex(name, index)))


@pytest.fixture
def everything() -> list[str]:
    """Return the items of a catalogue that one session of Ama can page through."""
    ids = world.catalogue(60)
    world.build()
    world.choose("ama", "Drama", "Comedy")
    world.befriend("ama", range(30, 40))
    return ids


def walk_on(*pages: Json) -> list[Json]:
    walked = list(pages)
    while walked[-1]["meta"]["hasMore"]:
        walked.append(get_feed("ama", limit=10, cursor=walked[-1]["meta"]["cursor"]))
    return walked


def test_what_a_newer_version_added_changes_no_page(everything: list[str]) -> None:
    expected = walk_feed("ama", limit=10)
    session = expected[0]["meta"]["session"]
    change_plan(session, "header", add_field)
    change_slots(session, add_field, start=0, stop=60)
    change_string(
        state_redis(), keys.SESSION.name(viewer="ama", feed="for_you"), lambda raw: raw + b" surplus"
    )
    change_string(state_redis(), activity_keys.PROFILE.name(viewer="ama"), add_field)
    change_string(state_redis(), keys.INDEX_POINTER.name(), add_field)
    for item in everything:
        change_string(cache_redis(), content_keys.CARD.name(item=item), add_field)
    again = walk_on(get_feed("ama", limit=10))
    assert again[0]["meta"]["session"] == session
    assert get_item_ids(*again) == get_item_ids(*expected)
    assert not [page for page in again if page["meta"]["planRebuilt"] or page["meta"]["degraded"]]


def test_a_pointer_with_a_surplus_word_is_replaced_by_a_new_session(everything: list[str]) -> None:
    name = keys.SESSION.name(viewer="ama", feed="for_you")
    first = get_feed("ama", limit=10)
    change_string(state_redis(), name, lambda raw: raw + b" surplus")
    refreshed = get_feed("ama", limit=10, refresh="true")
    assert refreshed["meta"]["session"] != first["meta"]["session"]
    assert get_feed("ama", limit=10)["meta"]["session"] == refreshed["meta"]["session"]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_an_unreadable_pointer_starts_a_session_that_never_repeats(
    everything: list[str], garbage: bytes
) -> None:
    get_feed("ama", limit=10)
    change_string(state_redis(), keys.SESSION.name(viewer="ama", feed="for_you"), lambda _: garbage)
    walked = walk_on(get_feed("ama", limit=10))
    assert not [page for page in walked if page["meta"]["planRebuilt"]]  # it was stored
    assert get_feed("ama", limit=10)["feed"] == walked[0]["feed"]
    assert sorted(get_item_ids(*walked)) == everything


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("field", ["header", "base", "exhausted", "served_to", "tail", "short_lived"])
def test_a_plan_with_an_unreadable_field_is_replaced_without_a_repeat(
    everything: list[str], field: str, garbage: bytes
) -> None:
    first = get_feed("ama", limit=10)
    change_plan(first["meta"]["session"], field, lambda _: garbage)
    walked = walk_on(first)
    items = get_item_ids(*walked)
    assert len(items) == len(set(items))
    assert sum(page["meta"]["planRebuilt"] for page in walked) == (field in {"header", "base", "exhausted"})
    # Slots that were recorded as served before the plan turned out to be unreadable are not shown.
    assert set(items) <= set(everything)
    assert len(items) >= len(everything) - 10


@pytest.mark.parametrize("garbage", GARBAGE)
def test_an_unreadable_header_of_the_current_session_starts_a_session(
    everything: list[str], garbage: bytes
) -> None:
    first = get_feed("ama", limit=10)
    change_plan(first["meta"]["session"], "header", lambda _: garbage)
    second = get_feed("ama", limit=10)
    assert second["meta"]["session"] != first["meta"]["session"]
    assert len(second["feed"]) == 10


@pytest.mark.parametrize("garbage", [*GARBAGE, b" leading", b'film {"source":1}', b"a\0b {}"])
def test_unreadable_slots_are_skipped_and_nothing_else_changes(everything: list[str], garbage: bytes) -> None:
    expected = get_item_ids(*walk_feed("ama", limit=10))
    session = get_feed("ama", limit=10)["meta"]["session"]
    change_slots(session, lambda _: garbage, start=5, stop=8)
    assert get_item_ids(*walk_on(get_feed("ama", limit=10))) == expected[:5] + expected[8:]


@pytest.mark.parametrize("garbage", [*GARBAGE, b"999|{}", b'999|{"name": 5}'])
def test_an_unreadable_profile_is_loaded_again(everything: list[str], garbage: bytes) -> None:
    before = profiles.get("ama")
    change_string(state_redis(), activity_keys.PROFILE.name(viewer="ama"), lambda _: garbage)
    page = get_feed("ama", limit=10, refresh="true")
    assert (len(page["feed"]), page["meta"]["degraded"]) == (10, [])
    stored = cast(bytes, state_redis().get(activity_keys.PROFILE.name(viewer="ama")))
    assert profiles.unpack("ama", stored) == before


@pytest.mark.parametrize(
    "garbage", [*(each for each in GARBAGE if each != b"[]"), b'999|{"title": "He', b"999|[]"]
)
def test_unreadable_cards_facts_names_and_lists_are_loaded_again(
    everything: list[str], garbage: bytes
) -> None:
    expected = get_item_ids(*walk_feed("ama", limit=10))
    families = (content_keys.CARD, content_keys.FACTS, content_keys.TITLE_ITEMS, activity_keys.NAME)
    for key in families:
        pattern = key.pattern.replace("<item>", "*").replace("<title>", "*").replace("<viewer>", "*")
        for name in cache_redis().scan_iter(match=pattern):
            change_string(cache_redis(), cast(bytes, name).decode(), lambda _: garbage)
    walked = walk_on(get_feed("ama", limit=10))
    assert get_item_ids(*walked) == expected
    assert get_feed("ama", limit=10, refresh="true")["meta"]["degraded"] == []
    following = get_feed("ama", limit=10, feed_type="following")
    assert following["feed"][0]["reason"] == "Kofi liked this"


@pytest.mark.parametrize("garbage", GARBAGE)
def test_an_unreadable_index_pointer_is_a_missing_index(everything: list[str], garbage: bytes) -> None:
    change_string(state_redis(), keys.INDEX_POINTER.name(), lambda _: garbage)
    page = get_feed("ama", limit=10)
    assert (len(page["feed"]), page["meta"]["degraded"]) == (10, ["indexes"])
    world.build()
    assert indexes.get_pointer() is not None


def test_unreadable_entries_of_the_served_list_are_ignored(everything: list[str]) -> None:
    get_feed("ama", limit=10)
    for garbage in GARBAGE:
        state_redis().lpush(keys.SERVED.name(viewer="ama"), garbage)
    assert len(get_feed("ama", limit=10, refresh="true")["feed"]) == 10


def test_unreadable_rows_of_a_timeline_are_ignored(everything: list[str]) -> None:
    get_feed("ama", limit=10, feed_type="following")
    expected = get_item_ids(*walk_feed("ama", limit=50, feed_type="following", refresh="true"))
    rows = {
        b"\xff": 5.0,
        b"kofi": 64.0 * world.NOW.timestamp(),
        b"kofi\0movie:1031\xff": 1e300,
        b"a\0b": -1.0,
        b"a\0b\0c": 6e10,
    }
    state_redis().zadd(activity_keys.TIMELINE.name(viewer="ama"), cast(Any, rows))
    again = walk_feed("ama", limit=50, feed_type="following", refresh="true")
    assert get_item_ids(*again) == expected


def test_staff_see_the_readable_part_of_a_plan(everything: list[str]) -> None:
    session = get_feed("ama", limit=10)["meta"]["session"]
    change_slots(session, lambda _: b"garbage", start=0, stop=1)
    change_plan(session, "receipt:0", lambda _: b"garbage")
    view = inspect.get_live_plan("ama", "for_you")
    assert view is not None
    assert (len(view.slots), view.receipts) == (59, [])


def test_a_cursor_of_a_newer_version_is_valid(everything: list[str]) -> None:
    first = get_feed("ama", limit=10)
    signer = cursors._signer("ama")
    body = signer.unsign_object(first["meta"]["cursor"])
    second = get_feed("ama", limit=10, cursor=signer.sign_object([*body, {"a_newer_field": 1}]))
    assert second["feed"] == get_feed("ama", limit=10, cursor=first["meta"]["cursor"])["feed"]
    for unreadable in (body[:3], {"feed": "for_you"}, None, [None] * 7, [*body[:2], "20", *body[3:]]):
        answer = get_client("ama").get("/api/v1/feed", {"cursor": signer.sign_object(unreadable)})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")
