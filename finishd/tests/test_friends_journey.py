"""Kofi and Ama, over HTTP, with the web server and the workers of production beside them."""

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
def around(tmp_path: Path) -> Iterator[Processes]:
    """A catalogue with its indexes, and nothing running yet."""
    world.catalogue(60)
    world.build()
    with processes(tmp_path) as started:
        yield started


def sync(web: Web, uid: str, number: int, **relation: Any) -> float:
    """State a relation; how many seconds the answer took."""
    began = time.monotonic()
    answer = web.post(
        "/api/v1/user-titles/sync", uid, title_id=str(1_000 + number), media_type="movie", **relation
    )
    assert answer.status_code == 200, answer.text
    return time.monotonic() - began


def follow(web: Web, uid: str, target: str, action: str = "follow") -> None:
    answer = web.post("/api/v1/social/follow", uid, target_uid=target, action=action)
    assert answer.status_code == 200, answer.text


def from_friends(web: Web, uid: str) -> dict[str, str]:
    """Item → reason, in a plan made now."""
    page = web.feed(uid, limit=100, refresh="true")
    return {item["id"]: item["reason"] for item in page["feed"] if item["source"] == "friends"}


def soon(around: Processes, web: Web, expected: dict[str, str], *, seconds: float = 30) -> None:
    def right() -> bool:
        return from_friends(web, "ama") == expected

    around.wait_for(right, seconds=seconds)


def test_what_kofi_likes_is_in_amas_next_plan_until_he_takes_it_back_or_she_leaves(
    around: Processes,
) -> None:
    web = around.web()
    around.worker("delivery")
    follow(web, "ama", "kofi")
    sync(web, "kofi", 40, is_favorite=True)
    soon(around, web, {"film-0040": "Kofi liked this"}, seconds=60)

    sync(web, "kofi", 40)
    soon(around, web, {})

    sync(web, "kofi", 41, status="finished")
    sync(web, "kofi", 42, status="watching")
    soon(around, web, {"film-0041": "Kofi watched this", "film-0042": "Kofi is watching this"})
    follow(web, "ama", "kofi", "unfollow")
    assert from_friends(web, "ama") == {}
    time.sleep(1)
    assert from_friends(web, "ama") == {}


@pytest.mark.slow
def test_without_a_broker_a_like_is_answered_and_delivered_when_it_is_back(
    around: Processes, tmp_path: Path
) -> None:
    guard = Guard()
    (tmp_path / "broker").mkdir()
    broker = RedisServer(directory=tmp_path / "broker", guard=guard)
    try:
        elsewhere = {"CELERY_BROKER_URL": broker.url}
        web = around.web(**elsewhere)
        around.worker("delivery", **elsewhere)
        around.beat(**elsewhere)
        follow(web, "ama", "kofi")
        sync(web, "kofi", 40, is_favorite=True)
        soon(around, web, {"film-0040": "Kofi liked this"}, seconds=60)

        broker.stop()
        assert max(sync(web, "kofi", number, is_favorite=True) for number in (41, 42)) < 3
        assert set(from_friends(web, "ama")) == {"film-0040"}
        broker.start()
        soon(around, web, {f"film-00{n}": "Kofi liked this" for n in (40, 41, 42)}, seconds=60)
    finally:
        broker.stop()
        guard.close()
