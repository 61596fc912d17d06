"""Redis lost its last writes: copies of people's data that may be stale are not used, from the first request on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches

from activity.services import names, people, profiles
from core.redis.client import state_redis
from core.redis.run_ids import UNKNOWN_STAMP, get_stamp
from feed.tests import world
from finishd.testing.api import get_client, get_feed, get_item_ids
from finishd.testing.events import append_and_read_events, make_event
from finishd.testing.people import Messages
from finishd.testing.redis_losses import LossyRedis, lossy_redis

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

DEADLINE_SECONDS = 20.0
TITLE = {"title_id": "1030", "media_type": "movie"}
ITEM = "film-0030"  # of this title


@pytest.fixture(params=["truncated append-only file", "promoted replica"])
def redis(request: pytest.FixtureRequest, tmp_path: Path, settings: Any) -> Iterator[LossyRedis]:
    """The Redis server of the application, with a small world in it. It can lose its last writes."""
    with lossy_redis(request.param, tmp_path) as server:
        settings.REDIS_URL = settings.CACHE_URL = server.url
        settings.CACHES = {name: {**cache, "LOCATION": server.url} for name, cache in settings.CACHES.items()}
        world.catalogue(40)
        world.build()
        for uid in ("ama", "kofi"):
            get_feed(uid)  # marks them active
        post("ama", "/social/follow", target_uid="kofi", action="follow")
        yield server
        caches.close_all()


def post(uid: str, path: str, **body: Any) -> None:
    response = get_client(uid).post(f"/api/v1{path}", body, format="json")
    assert response.status_code == 200, response.content


def lose(redis: LossyRedis) -> None:
    """Lose the last writes, and wait until the application is connected again."""
    before = get_stamp(state_redis())
    redis.lose()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while get_stamp(state_redis()) == before:
        assert time.monotonic() < deadline
        get_client("nobody").get("/api/v1/feed")
        time.sleep(0.02)


def get_following(uid: str = "ama") -> list[str]:
    return get_item_ids(get_feed(uid, feed_type="following"))


def test_a_delivered_like_is_in_the_feed(redis: LossyRedis, messages: Messages) -> None:
    messages.run_all()
    assert get_stamp(state_redis()) != UNKNOWN_STAMP
    assert get_following() == []  # the timeline is cached
    redis.keep()
    post("kofi", "/user-titles/sync", **TITLE, is_favorite=True)
    messages.run_all()
    assert get_following() == [ITEM]
    lose(redis)
    assert get_following() == [ITEM]


def test_an_undone_like_does_not_return(redis: LossyRedis, messages: Messages) -> None:
    post("kofi", "/user-titles/sync", **TITLE, is_favorite=True)
    messages.run_all()
    assert get_following() == [ITEM]
    redis.keep()
    post("kofi", "/user-titles/sync", **TITLE)
    messages.run_all()
    lose(redis)
    assert get_following() == []


@pytest.mark.parametrize(
    ("path", "action"),
    [("/social/follow", "unfollow"), ("/social/block", "block")],
    ids=["unfollow", "block"],
)
def test_a_person_who_was_unfollowed_or_blocked_does_not_return(
    redis: LossyRedis, messages: Messages, path: str, action: str
) -> None:
    post("kofi", "/user-titles/sync", **TITLE, is_favorite=True)
    messages.run_all()
    assert get_following() == [ITEM]
    redis.keep()
    post("ama", path, target_uid="kofi", action=action)
    messages.run_all()
    lose(redis)
    assert get_following() == []
    assert ("kofi" in profiles.get("ama").blocked_uids) == (action == "block")


def test_an_activity_of_an_account_with_pull_delivery_is_in_the_feed(
    redis: LossyRedis, messages: Messages, settings: Any
) -> None:
    settings.FANOUT_PUSH_LIMIT = 0
    post("kofi", "/user-titles/sync", title_id="1029", media_type="movie", is_favorite=True)
    messages.run_all()
    get_following()  # the account's list is cached
    redis.keep()
    post("kofi", "/user-titles/sync", **TITLE, is_favorite=True)
    messages.run_all()
    lose(redis)
    assert get_following()[0] == ITEM


def test_a_seen_item_is_not_in_the_next_plan(redis: LossyRedis) -> None:
    assert ITEM in get_item_ids(get_feed("ama", limit=100, refresh="true"))  # the seen history is cached
    redis.keep()
    append_and_read_events(make_event("ama", ITEM, "complete", at=int(time.time())))
    lose(redis)
    assert ITEM not in get_item_ids(get_feed("ama", limit=100, refresh="true"))


@pytest.mark.parametrize("redis", ["restored file"], indirect=True)
def test_changed_genres_are_used(redis: LossyRedis) -> None:
    redis.keep()
    post("ama", "/user/preferences/sync", selectedGenres=["Comedy"])
    lose(redis)
    assert profiles.get("ama").genres == ("comedy",)


@pytest.mark.parametrize("redis", ["truncated append-only file"], indirect=True)
def test_a_session_whose_last_chunk_was_lost_continues_and_reports_that_items_may_repeat(
    redis: LossyRedis,
) -> None:
    world.catalogue(300, start=40)
    world.build()
    query = {"feed_type": "trending", "limit": 100}
    pages = [get_feed("ama", **query)]
    redis.keep()
    for _ in range(2):  # the first of these extends the plan
        pages.append(get_feed("ama", **query, cursor=pages[-1]["meta"]["cursor"]))
    lose(redis)
    last = get_feed("ama", **query, cursor=pages[-1]["meta"]["cursor"])
    assert last["meta"]["planRebuilt"]
    assert "served_history" in last["meta"]["degraded"]
    assert not set(get_item_ids(last)) & set(get_item_ids(pages[0]))


@pytest.mark.parametrize("redis", ["truncated append-only file"], indirect=True)
def test_a_changed_name_is_used(redis: LossyRedis) -> None:
    names.cache_names({"kofi": ("Kofi", None)})
    redis.keep()
    people.sync_name_from_token("kofi", "Kofi Mensah", None)
    lose(redis)
    assert names.get_names(["kofi"]) == {"kofi": ("Kofi Mensah", None)}
