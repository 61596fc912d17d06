"""Test POST /analytics/event: accepted and rejected events, and the cost of a request."""

import json
import time
from typing import Any, get_args

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from analytics import stream
from analytics.serializers import CODE_DESCRIPTIONS
from analytics.tests.events import PATH, get_stream_length, make_body, post_events, send_events
from analytics.validation import Code, validate_events
from core.redis.client import count_round_trips
from finishd.testing.api import get_client

pytestmark = pytest.mark.django_db


def test_the_response_has_the_fields_that_the_app_reads() -> None:
    body = send_events("ama", make_body(durationWatched=12, metadata={"k": "v"}), make_body(kind="like"))
    assert (body["success"], body["message"]) == (True, "Received 2 events")
    assert body["timestamp"].endswith("Z")
    assert (body["accepted"], body["rejected"]) == (2, [])
    assert get_stream_length() == 2


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
def test_an_invalid_event_is_rejected_with_a_code_and_the_others_are_accepted(
    changes: dict[str, Any], code: str
) -> None:
    body = send_events("ama", make_body(), make_body(**changes), "not an object", make_body(kind="save"))
    assert body["accepted"] == 2
    assert body["rejected"] == [{"index": 1, "code": code}, {"index": 2, "code": "not_an_object"}]
    assert get_stream_length() == 2


def validate_duration(seconds: Any) -> Any:
    """Return the stored duration, or the code if it is rejected."""
    events, rejected = validate_events([make_body(durationWatched=seconds)], viewer="ama", now=time.time())
    return rejected[0].code if rejected else events[0].watched_seconds


@pytest.mark.parametrize(
    ("seconds", "stored"),
    [(12, 12), (12.0, 12), (12.7, 12), (-0.0, 0), (86_401, 86_400), (1e30, 86_400), (10**400, 86_400)],
)
def test_a_duration_is_stored_in_whole_seconds_and_a_day_at_most(seconds: float, stored: int) -> None:
    assert validate_duration(seconds) == stored


@pytest.mark.parametrize(
    "seconds", [float("nan"), float("inf"), -float("inf"), -1e-9, -1, False, "12.0", [12]]
)
def test_an_invalid_duration_is_rejected(seconds: Any) -> None:
    assert validate_duration(seconds) == "invalid_duration"


def test_every_code_has_a_description() -> None:
    assert set(CODE_DESCRIPTIONS) == set(get_args(Code))


def test_session_ids_of_any_type_are_accepted() -> None:
    response: Any = get_client("ama").post(
        PATH, {"events": [make_body()], "session_id": 7, "sessionId": [None]}
    )
    assert response.json()["accepted"] == 1


def test_optional_keys_can_be_null() -> None:
    assert send_events("ama", make_body(durationWatched=None, metadata=None, eventId=None))["accepted"] == 1


def test_an_event_is_rejected_thirty_days_after_it_happened() -> None:
    old, recent = time.time() - 30 * 86_400, time.time() - 30 * 86_400 + 60
    body = send_events("ama", make_body(at=old), make_body(at=recent))
    assert (body["accepted"], body["rejected"]) == (1, [{"index": 0, "code": "too_old"}])


def test_events_after_the_first_five_hundred_are_rejected() -> None:
    body = send_events("ama", *(make_body(f"item-{n}") for n in range(503)))
    assert body["accepted"] == 500
    assert body["rejected"] == [{"index": n, "code": "too_many"} for n in (500, 501, 502)]


def test_an_empty_list_of_events_is_accepted() -> None:
    assert send_events("ama")["message"] == "Received 0 events"


@pytest.mark.parametrize("body", [{}, {"events": None}, {"events": {"0": {}}}, [], "events", 7])
def test_a_body_without_a_list_of_events_gets_a_400(body: Any) -> None:
    response: Any = get_client("ama").post(PATH, body)
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"


def test_a_body_of_more_than_512_kb_gets_a_413() -> None:
    response = post_events("ama", make_body(metadata={"k": "v" * 512 * 1024}))
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    assert get_stream_length() == 0


def test_a_lone_surrogate_in_metadata_does_not_reject_the_event_or_the_batch() -> None:
    # Dart writes half an emoji as a lone surrogate, which strict JSON parsers reject.
    events = [make_body(metadata={"note": "\ud83d"}), make_body(itemId="\ud83d"), make_body()]
    body = json.dumps({"events": events})
    response: Any = get_client("ama").post(PATH, body, content_type="application/json")
    assert response.status_code == 200
    assert response.json()["accepted"] == 2
    assert response.json()["rejected"] == [{"index": 1, "code": "invalid_item_id"}]


def test_a_request_without_a_token_gets_a_401() -> None:
    response = APIClient().post(PATH, {"events": [make_body()]})
    assert response.status_code == 401


@pytest.mark.parametrize("number", [1, 500])
def test_a_request_costs_one_round_trip_and_no_sql_for_any_number_of_events(number: int) -> None:
    send_events("ama", make_body())  # Loads the script and the key that verifies the token.
    with count_round_trips() as round_trips, CaptureQueriesContext(connection) as queries:
        send_events("ama", *(make_body(f"item-{n}") for n in range(number)))
    # The throttle, and the script that appends.
    assert round_trips == ["pipeline of 2", "EVALSHA"]
    assert len(queries) == 0


def test_a_full_stream_accepts_all_events_of_a_request_or_none(settings: Any) -> None:
    settings.ANALYTICS_SHARDS, settings.ANALYTICS_STREAM_EVENTS = 1, 3
    send_events("ama", make_body("a"), make_body("b"))
    response = post_events("ama", make_body("c"), make_body("d"))
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) >= 1
    assert get_stream_length() == 2
    send_events("ama", make_body("c"))


def test_the_events_of_a_viewer_go_to_one_shard_and_viewers_are_spread(settings: Any) -> None:
    settings.ANALYTICS_SHARDS = 8
    for viewer in range(40):
        for _ in range(3):
            send_events(f"viewer-{viewer}", make_body())
    lengths = stream.get_lengths()
    assert set(lengths) == set(range(8))
    assert all(length % 3 == 0 for length in lengths.values())
