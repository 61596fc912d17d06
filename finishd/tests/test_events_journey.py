"""Test that events change feeds, over HTTP, with the web server, beat and the workers of production."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from activity.store.meter import count_calls
from analytics.services import counts
from content.tests.factories import ItemFactory
from feed.services import builds
from feed.tests import world
from finishd.testing.api import get_client
from finishd.testing.processes import Processes, Web, processes

pytestmark = [
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.timeout(180),
]
PATH = "/api/v1/analytics/event"
OBSCURE = "obscure"
VIEWERS = 100


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    """Start the processes that read events, with a catalogue, its indexes and one obscure film."""
    world.catalogue(60)
    ItemFactory.create(id=OBSCURE, popularity=0.0, vote_count=0, release_date="1961-01-01", genres=("drama",))
    world.build()
    with processes(tmp_path) as running:
        running.worker("sweeps,events")
        running.beat()
        yield running


def make_body(item: str, kind: str = "view", *, seconds_ago: float = 0.0) -> dict[str, Any]:
    """Return an event as the app sends it. It happened `seconds_ago`."""
    moment = datetime.fromtimestamp(time.time() - seconds_ago, UTC).replace(tzinfo=None)
    body = {"eventType": kind, "itemId": item, "timestamp": moment.isoformat(timespec="milliseconds")}
    return body | ({"durationWatched": 12} if kind == "view" else {})


def send_events(web: Web, uid: str, *events: dict[str, Any]) -> None:
    response = web.post(PATH, uid, events=list(events))
    assert response.status_code == 200, response.text
    assert response.json()["accepted"] == len(events)


def get_likes() -> int:
    totals = counts.get_totals([OBSCURE]).get(OBSCURE)
    return totals.get_count("like") if totals else 0


@pytest.mark.slow
def test_events_change_feeds(started: Processes) -> None:
    web = started.web()
    watched = [item["id"] for item in web.feed("ama", limit=5)["feed"]]

    started_at = time.monotonic()
    send_events(web, "ama", *(make_body(item) for item in watched))

    def is_out_of_feed() -> bool:
        page = web.feed("ama", limit=100, refresh="true")
        return not {item["id"] for item in page["feed"]} & set(watched)

    started.wait_for(is_out_of_feed, seconds=30)
    print(f"the watched items are out of the next plan after {time.monotonic() - started_at:.1f} s")

    # One account likes a film a hundred times: the events are counted, but they are one vote.
    send_events(web, "script", *(make_body(OBSCURE, "like", seconds_ago=60.0 * n) for n in range(VIEWERS)))
    started.wait_for(lambda: get_likes() == VIEWERS, seconds=30)
    builds.rebuild_indexes(now=timezone.now())
    assert OBSCURE not in get_trending(web)[:40]
    # A hundred accounts like it.
    for number in range(VIEWERS):
        send_events(web, f"viewer-{number}", make_body(OBSCURE, "like"))
    started.wait_for(lambda: get_likes() == 2 * VIEWERS, seconds=30)
    builds.rebuild_indexes(now=timezone.now())
    assert OBSCURE in get_trending(web)[:3]
    (card,) = (
        item for item in web.feed("mei", feed_type="trending", limit=3)["feed"] if item["id"] == OBSCURE
    )
    assert card["likeCount"] == 2 * VIEWERS


def get_trending(web: Web) -> list[str]:
    page = web.feed("mei", feed_type="trending", limit=100, refresh="true")
    return [item["id"] for item in page["feed"]]


def test_sending_events_makes_no_store_call() -> None:
    with count_calls() as tally:
        response: Any = get_client("ama").post(PATH, {"events": [make_body(OBSCURE)]})
    assert response.status_code == 200
    assert tally.calls == []
