"""POST /analytics/event: what is taken, what is refused, what it costs."""

import json
import time
from typing import Any, get_args

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from analytics import stream
from analytics.serializers import CODE_DESCRIPTIONS
from analytics.tests.events import PATH, event, send, taken, waiting
from analytics.validation import Code, validate_events
from core.redis.client import count_round_trips
from finishd.testing.api import get_client

pytestmark = pytest.mark.django_db


def test_a_batch_is_answered_in_the_apps_words() -> None:
    body = taken("ama", event(durationWatched=12, metadata={"k": "v"}), event(kind="like"))
    assert (body["success"], body["message"]) == (True, "Received 2 events")
    assert body["timestamp"].endswith("Z")
    assert (body["accepted"], body["rejected"]) == (2, [])
    assert waiting() == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"eventType": "stare"}, "invalid_event_type"),
        ({"eventType": ["view"]}, "invalid_event_type"),
        ({"itemId": ""}, "invalid_item_id"),
        ({"itemId": "x" * 65}, "invalid_item_id"),
        ({"itemId": 7}, "invalid_item_id"),
        ({"timestamp": "yesterday"}, "invalid_timestamp"),
        ({"timestamp": 1795000000}, "invalid_timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "too_old"),
        ({"durationWatched": -1}, "invalid_duration"),
        ({"durationWatched": "12"}, "invalid_duration"),
        ({"durationWatched": True}, "invalid_duration"),
        ({"metadata": "text"}, "invalid_metadata"),
        ({"eventId": 7}, "invalid_event_id"),
        ({"eventId": "x" * 129}, "invalid_event_id"),
    ],
)
def test_an_event_that_cannot_be_taken_is_named_and_the_others_are_taken(
    changes: dict[str, Any], code: str
) -> None:
    body = taken("ama", event(), event(**changes), "no event", event(kind="save"))
    assert body["accepted"] == 2
    assert body["rejected"] == [{"index": 1, "code": code}, {"index": 2, "code": "not_an_object"}]
    assert waiting() == 2


def watched(seconds: Any) -> Any:
    """What is kept of a length, or the code with which it is refused."""
    events, rejected = validate_events([event(durationWatched=seconds)], viewer="ama", now=time.time())
    return rejected[0].code if rejected else events[0].watched_seconds


@pytest.mark.parametrize(
    ("seconds", "kept"),
    [(12, 12), (12.0, 12), (12.7, 12), (-0.0, 0), (86_401, 86_400), (1e30, 86_400), (10**400, 86_400)],
)
def test_a_duration_is_any_number_in_whole_seconds_and_a_day_at_most(seconds: float, kept: int) -> None:
    assert watched(seconds) == kept


@pytest.mark.parametrize(
    "seconds", [float("nan"), float("inf"), -float("inf"), -1e-9, -1, False, "12.0", [12]]
)
def test_what_is_no_duration_is_refused(seconds: Any) -> None:
    assert watched(seconds) == "invalid_duration"


def test_every_code_is_explained() -> None:
    assert set(CODE_DESCRIPTIONS) == set(get_args(Code))


def test_a_session_may_be_called_anything() -> None:
    answer: Any = get_client("ama").post(PATH, {"events": [event()], "session_id": 7, "sessionId": [None]})
    assert answer.json()["accepted"] == 1


def test_optional_keys_may_be_null() -> None:
    assert taken("ama", event(durationWatched=None, metadata=None, eventId=None))["accepted"] == 1


def test_an_event_of_thirty_days_is_refused_and_a_younger_one_taken() -> None:
    old, young = time.time() - 30 * 86_400, time.time() - 30 * 86_400 + 60
    body = taken("ama", event(at=old), event(at=young))
    assert (body["accepted"], body["rejected"]) == (1, [{"index": 0, "code": "too_old"}])


def test_of_more_than_five_hundred_events_the_first_are_taken() -> None:
    body = taken("ama", *(event(f"item-{n}") for n in range(503)))
    assert body["accepted"] == 500
    assert body["rejected"] == [{"index": n, "code": "too_many"} for n in (500, 501, 502)]


def test_an_empty_batch_is_a_batch() -> None:
    assert taken("ama")["message"] == "Received 0 events"


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {"0": {}}}, [], "events", 7])
def test_anything_but_an_object_with_a_list_of_events_is_a_400(body: Any) -> None:
    answer: Any = get_client("ama").post(PATH, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


def test_a_body_of_more_than_512_kb_is_a_413() -> None:
    answer = send("ama", event(metadata={"k": "v" * 512 * 1024}))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert waiting() == 0


def test_a_text_cut_within_a_character_spoils_neither_its_batch_nor_its_event() -> None:
    # Dart writes half an emoji as a lone surrogate, which strict JSON readers refuse.
    body = json.dumps({"events": [event(metadata={"note": "\ud83d"}), event(itemId="\ud83d"), event()]})
    answer: Any = get_client("ama").post(PATH, body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    assert answer.json()["rejected"] == [{"index": 1, "code": "invalid_item_id"}]


def test_nobody_sends_events_without_a_token() -> None:
    answer = APIClient().post(PATH, {"events": [event()]})
    assert answer.status_code == 401


@pytest.mark.parametrize("number", [1, 500])
def test_a_batch_costs_one_wait_and_no_sql_whatever_its_size(number: int) -> None:
    taken("ama", event())  # the script is known, the token's key is in memory
    with count_round_trips() as waits, CaptureQueriesContext(connection) as queries:
        taken("ama", *(event(f"item-{n}") for n in range(number)))
    # The throttle, and 1: the script that appends.
    assert waits == ["pipeline of 2", "EVALSHA"]
    assert len(queries) == 0


def test_a_full_stream_takes_all_of_a_batch_or_nothing(settings: Any) -> None:
    settings.ANALYTICS_SHARDS, settings.ANALYTICS_STREAM_EVENTS = 1, 3
    taken("ama", event("a"), event("b"))
    answer = send("ama", event("c"), event("d"))
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
    assert waiting() == 2
    taken("ama", event("c"))


def test_a_viewers_events_stay_in_one_shard_and_viewers_spread(settings: Any) -> None:
    settings.ANALYTICS_SHARDS = 8
    for viewer in range(40):
        for _ in range(3):
            taken(f"viewer-{viewer}", event())
    lengths = stream.get_lengths()
    assert set(lengths) == set(range(8))
    assert all(length % 3 == 0 for length in lengths.values())
