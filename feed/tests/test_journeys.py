"""What a person scrolling must be able to rely on, over HTTP on the production wiring."""

from collections import Counter
from typing import Any

import pytest

from activity.services import follows, profiles
from activity.store import get_store
from activity.types import HistoryDelta, Relation
from content.models import Item
from content.services import items
from core.redis.client import state_redis
from feed import indexes, keys, recipe
from feed.feed_types import FOR_YOU
from feed.tests import world
from feed.tests.test_mixing import assert_within_one
from finishd.testing.api import get_client, get_feed, get_item_ids, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

Json = dict[str, Any]


def shown(page: Json) -> list[tuple[str, str, str, float]]:
    return [(item["id"], item["source"], item["reason"], item["score"]) for item in page["feed"]]


def lose_plan(uid: str, session: str) -> None:
    """What expiry does."""
    names = [keys.PLAN.name(viewer=uid, session=session), keys.SLOTS.name(viewer=uid, session=session)]
    assert state_redis().delete(*names) == 2


def test_twenty_pages_have_no_repeat_and_no_gap() -> None:
    everything = world.catalogue(230)
    world.build()
    pages = walk_feed("ama", limit=12)
    assert len(pages) == 20
    assert Counter(get_item_ids(*pages)) == Counter(everything)
    assert [page["meta"]["page"] for page in pages] == list(range(1, 21))
    assert {page["meta"]["session"] for page in pages} == {pages[0]["meta"]["session"]}
    assert all(page["meta"]["hasMore"] == (page["meta"]["cursor"] is not None) for page in pages)


def test_a_page_that_ends_with_the_plan_says_so() -> None:
    world.catalogue(40)
    world.build()
    pages = walk_feed("ama", limit=10)
    assert [len(page["feed"]) for page in pages] == [10, 10, 10, 10]


def test_the_same_request_again_gives_the_same_page() -> None:
    world.catalogue(60)
    world.build()
    first = get_feed("ama", limit=10)
    again = get_feed("ama", limit=10)
    assert shown(first) == shown(again)
    assert first["meta"]["session"] == again["meta"]["session"]
    second = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    assert shown(second) == shown(get_feed("ama", limit=10, cursor=first["meta"]["cursor"]))
    assert not set(get_item_ids(second)) & set(get_item_ids(first))


def test_refresh_starts_another_session_with_what_was_not_served_lately() -> None:
    world.catalogue(400)
    world.build()
    first = get_feed("ama", limit=40)
    fresh = get_feed("ama", limit=40, refresh="true")
    assert fresh["meta"]["session"] != first["meta"]["session"]
    assert not set(get_item_ids(first)) & set(get_item_ids(fresh))
    assert get_feed("ama", limit=40)["meta"]["session"] == fresh["meta"]["session"]
    # The old session's cursor still leads on through its own plan.
    older = get_feed("ama", limit=40, cursor=first["meta"]["cursor"])
    assert older["meta"]["session"] == first["meta"]["session"]


def test_what_was_served_lately_comes_back_when_nothing_else_is_left() -> None:
    world.catalogue(30)
    world.build()
    assert len(get_item_ids(*walk_feed("ama", limit=10))) == 30
    assert len(get_item_ids(*walk_feed("ama", limit=10, refresh="true"))) == 30


def test_picking_genres_starts_a_new_session_at_once() -> None:
    world.catalogue(200)
    world.build()
    before = get_feed("ama", limit=20)
    answer = get_client("ama").post("/api/v1/user/preferences/sync", {"selectedGenres": [35, "sci-fi"]})
    assert answer.status_code == 200, answer.content
    after = get_feed("ama", limit=20)
    assert after["meta"]["session"] != before["meta"]["session"]
    chosen = [item for item in after["feed"] if item["source"] == "personalized"]
    assert chosen
    assert {item["reason"] for item in chosen} <= {
        "Because you like Comedy",
        "Because you like Science Fiction",
    }
    assert all({"Comedy", "Science Fiction"} & set(item["genres"]) for item in chosen)


def test_syncing_the_same_choice_again_keeps_the_session() -> None:
    world.catalogue(50)
    world.build()
    world.choose("ama", "Drama")
    before = get_feed("ama")
    world.choose("ama", "drama")
    assert get_feed("ama")["meta"]["session"] == before["meta"]["session"]


def test_blocking_and_unblocking_somebody_starts_a_new_session_at_once() -> None:
    world.catalogue(200)
    world.build()
    world.befriend("ama", range(50, 80))
    first = get_feed("ama", limit=20)
    assert "Kofi liked this" in {item["reason"] for item in first["feed"]}
    for verb in ("block", "unblock"):
        before = get_feed("ama", limit=20)
        answer = get_client("ama").post("/api/v1/social/block", {"target_uid": "kofi", "action": verb})
        assert answer.status_code == 200, answer.content
        after = get_feed("ama", limit=20)
        assert after["meta"]["session"] != before["meta"]["session"]
        # A block ends the follow; unblocking does not bring it back.
        assert "friends" not in {item["source"] for item in after["feed"]}


def test_somebody_who_blocks_the_viewer_vanishes_from_their_feed_too() -> None:
    world.catalogue(100)
    world.build()
    world.befriend("ama", range(30))
    get_feed("ama")
    follows.block("kofi", "ama", now=0)
    assert "friends" not in {item["source"] for item in get_feed("ama", limit=40)["feed"]}


def test_indexes_rebuilt_between_pages_change_nothing() -> None:
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
    assert shown(get_feed("kofi", limit=20, cursor=reference[0]["meta"]["cursor"])) == shown(reference[1])


def test_items_unpublished_between_pages_vanish_and_nothing_else_changes() -> None:
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


def test_a_page_whose_items_are_nearly_all_gone_is_filled_or_ends_truthfully() -> None:
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


def test_a_plan_that_expired_after_stand_ins_were_served_repeats_none_of_them() -> None:
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


def test_a_lost_list_of_what_was_served_is_admitted() -> None:
    world.catalogue(150)
    world.build()
    first = get_feed("ama", limit=10)
    lose_plan("ama", first["meta"]["session"])
    state_redis().delete(keys.SERVED.name(viewer="ama"))
    second = get_feed("ama", limit=10, cursor=first["meta"]["cursor"])
    assert second["meta"]["planRebuilt"] is True
    assert second["meta"]["degraded"] == ["served_history"]


def test_a_session_goes_on_through_several_chunks_to_the_end_of_the_catalogue() -> None:
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


def test_another_persons_cursor_is_refused() -> None:
    world.catalogue(50)
    world.build()
    cursor = get_feed("ama")["meta"]["cursor"]
    answer = get_client("kofi").get("/api/v1/feed", {"cursor": cursor})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_cursor"


def test_a_newcomer_gets_a_full_feed() -> None:
    world.catalogue(120)
    world.build()
    page = get_feed("newcomer", limit=40)
    assert len(page["feed"]) == 40
    assert page["meta"]["degraded"] == []
    assert {item["source"] for item in page["feed"]} == {"trending", "personalized"}


def test_an_empty_catalogue_gives_an_empty_feed() -> None:
    page = get_feed("ama")
    assert page["feed"] == []
    assert page["meta"]["hasMore"] is False
    assert page["meta"]["cursor"] is None
    assert page["meta"]["itemCount"] == 0


def test_the_mix_of_somebody_with_everything_holds_at_every_prefix() -> None:
    world.catalogue(1_500)
    world.build()
    world.choose("ama", "Drama", "Science Fiction")
    world.befriend("ama", range(1_000, 1_100))
    pages = walk_feed("ama", limit=100, pages=2)
    names = {"trending": "trending", "personalized": "personalized", "friends": "friends"}
    owners = [names[item["source"]] for page in pages for item in page["feed"]]
    assert_within_one(owners, dict(FOR_YOU.shares))
    assert Counter(owners) == {"trending": 100, "personalized": 60, "friends": 40}


def test_seen_and_finished_titles_stay_away() -> None:

    world.catalogue(100)
    world.build()
    seen = {"film-0003": 1_795_000_000, "film-0004": 1_795_000_000}
    get_store().apply_history("ama", [HistoryDelta("a stream", "1-0", seen)])
    done = get_store().record_relation("ama", "movie:1008", Relation("finished"), now=0, due=0)
    profiles.cache_profile(done.profile)  # film-0008 and its clip, film-0009
    walked = get_item_ids(*walk_feed("ama", limit=50))
    assert len(walked) == 96
    assert not {"film-0003", "film-0004", "film-0008", "film-0009"} & set(walked)


def test_trending_is_the_order_of_the_index_for_everybody() -> None:
    world.catalogue(80)
    build = world.build()

    order = [item for item, _ in indexes.get_top(build.pk, "trending", 80)]
    for uid in ("ama", "kofi"):
        assert get_item_ids(*walk_feed(uid, feed_type="trending", limit=30)) == order


def test_trending_keeps_to_its_generation_while_indexes_are_rebuilt() -> None:
    world.catalogue(450)
    build = world.build()

    order = [item for item, _ in indexes.get_top(build.pk, "trending", 450)]
    pages = [get_feed("ama", feed_type="trending", limit=100)]
    items.set_boost(order[400:], 10, now=world.NOW)
    world.build()
    while pages[-1]["meta"]["hasMore"]:
        pages.append(get_feed("ama", feed_type="trending", limit=100, cursor=pages[-1]["meta"]["cursor"]))
    assert get_item_ids(*pages) == order


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
def test_a_mistake_gets_a_clear_answer(query: Json) -> None:
    answer = get_client("ama").get("/api/v1/feed", query)
    assert answer.status_code == 400
    body = answer.json()
    assert body["error"] is True
    assert body["statusCode"] == 400
    assert body["message"]
    assert body["code"] in {"invalid", "invalid_cursor"}


def test_a_cursor_of_one_feed_type_is_refused_by_another() -> None:
    world.catalogue(50)
    world.build()
    cursor = get_feed("ama", feed_type="trending")["meta"]["cursor"]
    answer = get_client("ama").get("/api/v1/feed", {"cursor": cursor})
    assert answer.json()["code"] == "invalid_cursor"
