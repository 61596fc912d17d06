"""Test how requests and responses become operations, and that a history survives its file."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from soak.history import Event, Fault, Operation, Shown, Stall, group_items, read, write
from soak.observing import Sent, make_operation
from soak.tests import histories

FOLLOWING_PAGE = {
    "feed": [
        {
            "id": "film-1",
            "type": "social_activity",
            "mediaType": "movie",
            "tmdbId": 603,
            "friends": [{"uid": "kofi"}, {"uid": "mei"}],
        }
    ],
    "meta": {
        "session": "s1",
        "cursor": "x" * 40 + "next-signature-0",
        "planRebuilt": True,
        "degraded": ["served_history"],
    },
}


def observe(method: str, path: str, values: dict[str, Any], response: httpx.Response | None) -> Operation:
    return make_operation(Sent(method, path, "ama", values), response, start=1.0, end=1.5, problem="")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/social/follow", {"target_uid": "kofi", "action": "unfollow"}, ("unfollow", "kofi", True)),
        ("/social/block", {"target_uid": "kofi", "action": "block"}, ("block", "kofi", True)),
        (
            "/user-titles/sync",
            {"media_type": "tv", "title_id": "1399", "status": None, "rating": 2},
            ("relate", "tv:1399", True),
        ),
        (
            "/user-titles/sync",
            {"media_type": "tv", "title_id": "1399", "status": None, "is_favorite": False, "rating": None},
            ("relate", "tv:1399", False),
        ),
    ],
)
def test_a_change_is_an_operation(path: str, body: dict[str, Any], expected: tuple[str, str, bool]) -> None:
    operation = observe("POST", path, body, httpx.Response(200))
    assert (operation.kind, operation.subject, operation.present) == expected
    assert operation.is_ok


def test_a_page_has_its_items_with_titles_and_authors() -> None:
    query = {"feed_type": "following", "cursor": "y" * 40 + "sent-signature-0"}
    operation = observe("GET", "/feed", query, httpx.Response(200, json=FOLLOWING_PAGE))
    page = operation.page
    assert page is not None
    assert page.shown == (Shown("film-1", "movie:603", ("kofi", "mei")),)
    assert (page.cursor, page.next_cursor) == ("sent-signature-0", "next-signature-0")
    assert (page.is_rebuilt, page.lost_served) == (True, True)


def test_a_batch_has_the_identity_hour_and_seconds_of_its_events() -> None:
    body = {
        "eventType": "view",
        "itemId": "film-1",
        "timestamp": "2026-11-18T11:06:40.000",
        "durationWatched": 12,
    }
    operation = observe("POST", "/analytics/event", {"events": [body, {**body, "eventId": "e1"}]}, None)
    hour = 1_795_000_000 // 3_600 * 3_600
    assert operation.events == (
        Event("film-1/2026-11-18T11:06:40.000", "film-1", hour, "view", 12),
        Event("e1", "film-1", hour, "view", 12),
    )
    assert operation.is_failed
    assert not operation.is_answered


@pytest.mark.parametrize(
    ("status", "is_ok", "is_refused", "effect_end"),
    [(200, True, False, 1.5), (400, False, True, 1.5), (503, False, False, 1.5), (0, False, False, 6.5)],
)
def test_only_an_operation_that_failed_may_or_may_not_have_an_effect(
    status: int, is_ok: bool, is_refused: bool, effect_end: float
) -> None:
    operation = Operation("ama", "follow", "kofi", 1.0, 1.5, status)
    assert (operation.is_ok, operation.is_refused, operation.effect_end) == (is_ok, is_refused, effect_end)
    assert operation.is_failed == (not is_ok and not is_refused)


def test_a_history_is_the_same_after_writing_and_reading_it(tmp_path: Path) -> None:
    history = histories.make_history(
        histories.like("kofi", "title", 1.0),
        histories.read("ama", 2.0, {"title": ["kofi"]}),
        histories.report("ama", 3.0, "e1"),
        histories.counted(1),
        faults=[Fault("Redis rolled back", 4.0, 5.0, loses_since=3.0)],
    )
    history.stalls.append(Stall(1.0, 2.0, 0.5))
    history.items = group_items({"film-1": "title", "clip-1": "title"})
    write(history, tmp_path / "history.jsonl")
    assert read(tmp_path / "history.jsonl") == history
