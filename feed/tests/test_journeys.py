"""Feeds of a viewer over HTTP, and the actions that start a new session."""

import pytest

from activity.services import follows, profiles
from activity.store import get_store
from activity.types import HistoryDelta, Relation
from feed import indexes
from feed.feed_types import FOR_YOU
from feed.mixing import share_pattern
from feed.tests import world
from feed.tests.test_mixing import assert_within_one
from finishd.testing.api import get_client, get_feed, get_item_ids, walk_feed

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_refresh_starts_a_session_without_recently_served_items() -> None:
    world.catalogue(400)
    world.build()
    first = get_feed("ama", limit=40)
    fresh = get_feed("ama", limit=40, refresh="true")
    assert fresh["meta"]["session"] != first["meta"]["session"]
    assert not set(get_item_ids(first)) & set(get_item_ids(fresh))
    assert get_feed("ama", limit=40)["meta"]["session"] == fresh["meta"]["session"]
    # The cursor of the old session continues in its own plan.
    older = get_feed("ama", limit=40, cursor=first["meta"]["cursor"])
    assert older["meta"]["session"] == first["meta"]["session"]


def test_recently_served_items_come_back_when_no_others_are_left() -> None:
    world.catalogue(30)
    world.build()
    assert len(get_item_ids(*walk_feed("ama", limit=10))) == 30
    assert len(get_item_ids(*walk_feed("ama", limit=10, refresh="true"))) == 30


def test_choosing_genres_starts_a_new_session() -> None:
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


def test_syncing_the_same_genres_again_keeps_the_session() -> None:
    world.catalogue(50)
    world.build()
    world.choose("ama", "Drama")
    before = get_feed("ama")
    world.choose("ama", "drama")
    assert get_feed("ama")["meta"]["session"] == before["meta"]["session"]


def test_blocking_and_unblocking_start_a_new_session() -> None:
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
        # A block ends the follow, and unblocking does not restore it.
        assert "friends" not in {item["source"] for item in after["feed"]}


def test_a_person_who_blocks_the_viewer_disappears_from_their_feed() -> None:
    world.catalogue(100)
    world.build()
    world.befriend("ama", range(30))
    get_feed("ama")
    follows.block("kofi", "ama", now=0)
    assert "friends" not in {item["source"] for item in get_feed("ama", limit=40)["feed"]}


def test_a_new_viewer_gets_a_full_feed() -> None:
    world.catalogue(120)
    world.build()
    page = get_feed("newcomer", limit=40)
    assert len(page["feed"]) == 40
    assert page["meta"]["degraded"] == []
    timeline_sources = {source.name for source in FOR_YOU.sources if source.uses_timeline}
    assert {item["source"] for item in page["feed"]} == FOR_YOU.shares.keys() - timeline_sources


def test_every_prefix_of_a_mix_of_all_sources_keeps_the_shares() -> None:
    world.catalogue(1_500)
    world.build()
    world.choose("ama", "Drama", "Science Fiction")
    world.befriend("ama", range(1_000, 1_100))
    pages = walk_feed("ama", limit=100, pages=2)
    owners = [item["source"] for page in pages for item in page["feed"]]
    assert_within_one(owners, dict(FOR_YOU.shares))
    pattern = share_pattern(tuple(FOR_YOU.shares.items()))
    assert owners == [pattern[position % len(pattern)] for position in range(200)]


def test_seen_items_and_finished_titles_are_not_shown() -> None:

    world.catalogue(100)
    world.build()
    seen = {"film-0003": 1_795_000_000, "film-0004": 1_795_000_000}
    get_store().apply_history("ama", [HistoryDelta("a stream", "1-0", seen)])
    done = get_store().record_relation("ama", "movie:1008", Relation("finished"), now=0, due=0)
    profiles.cache_profile(done.profile)  # film-0008 and its clip, film-0009
    walked = get_item_ids(*walk_feed("ama", limit=50))
    assert len(walked) == 96
    assert not {"film-0003", "film-0004", "film-0008", "film-0009"} & set(walked)


def test_trending_has_the_order_of_the_index_for_every_viewer() -> None:
    world.catalogue(80)
    build = world.build()

    order = [item for item, _ in indexes.get_top(build.pk, "trending", 80)]
    for uid in ("ama", "kofi"):
        assert get_item_ids(*walk_feed(uid, feed_type="trending", limit=30)) == order
