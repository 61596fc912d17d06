"""Test that activities reach the feeds of followers, over HTTP, with the web server and workers of production."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feed.tests import world
from finishd.run.embedded_redis import RedisServer
from finishd.run.guard import Guard
from finishd.testing.processes import Processes, Web, processes

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(180),
]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    """A catalogue with indexes. No process runs yet."""
    world.catalogue(60)
    world.build()
    with processes(tmp_path) as started:
        yield started


def sync(web: Web, uid: str, number: int, **relation: Any) -> float:
    """Set a relation. Return the duration of the request in seconds."""
    started_at = time.monotonic()
    response = web.post(
        "/api/v1/user-titles/sync", uid, title_id=str(1_000 + number), media_type="movie", **relation
    )
    assert response.status_code == 200, response.text
    return time.monotonic() - started_at


def follow(web: Web, uid: str, target: str, action: str = "follow") -> None:
    response = web.post("/api/v1/social/follow", uid, target_uid=target, action=action)
    assert response.status_code == 200, response.text


def get_reasons_from_friends(web: Web, uid: str) -> dict[str, str]:
    """Return the reason of each item from the source `friends`, in a new plan."""
    page = web.feed(uid, limit=100, refresh="true")
    return {item["id"]: item["reason"] for item in page["feed"] if item["source"] == "friends"}


def wait_for_reasons(
    started: Processes, web: Web, expected: dict[str, str], *, viewer: str = "ama", seconds: float = 30
) -> None:
    started.wait_for(lambda: get_reasons_from_friends(web, viewer) == expected, seconds=seconds)


def test_likes_appear_in_a_followers_plan_until_they_are_undone_or_the_follow_ends(
    started: Processes,
) -> None:
    web = started.web()
    started.worker("sweeps,delivery,repeats")
    follow(web, "ama", "kofi")
    sync(web, "kofi", 40, is_favorite=True)
    wait_for_reasons(started, web, {"film-0040": "Kofi liked this"}, seconds=60)

    sync(web, "kofi", 40)
    wait_for_reasons(started, web, {})

    sync(web, "kofi", 41, status="finished")
    sync(web, "kofi", 42, status="watching")
    watched = {"film-0041": "Kofi watched this", "film-0042": "Kofi is watching this"}
    wait_for_reasons(started, web, watched)
    follow(web, "ama", "kofi", "unfollow")
    assert get_reasons_from_friends(web, "ama") == {}
    # When a later activity has reached another follower, the workers have seen the end of this follow.
    follow(web, "esi", "kofi")
    wait_for_reasons(started, web, watched, viewer="esi")
    sync(web, "kofi", 43, is_favorite=True)
    wait_for_reasons(started, web, watched | {"film-0043": "Kofi liked this"}, viewer="esi")
    assert get_reasons_from_friends(web, "ama") == {}


@pytest.mark.slow
def test_without_a_broker_a_like_is_accepted_and_delivered_when_the_broker_is_back(
    started: Processes, tmp_path: Path
) -> None:
    guard = Guard()
    (tmp_path / "broker").mkdir()
    broker = RedisServer(directory=tmp_path / "broker", guard=guard)
    try:
        environment = {"CELERY_BROKER_URL": broker.url}
        web = started.web(**environment)
        started.worker("sweeps,delivery,repeats", **environment)
        started.beat(**environment)
        follow(web, "ama", "kofi")
        sync(web, "kofi", 40, is_favorite=True)
        wait_for_reasons(started, web, {"film-0040": "Kofi liked this"}, seconds=60)

        broker.stop()
        assert max(sync(web, "kofi", number, is_favorite=True) for number in (41, 42)) < 3
        assert set(get_reasons_from_friends(web, "ama")) == {"film-0040"}
        broker.start()
        wait_for_reasons(started, web, {f"film-00{n}": "Kofi liked this" for n in (40, 41, 42)}, seconds=60)
    finally:
        broker.stop()
        guard.close()
