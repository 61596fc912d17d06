"""From a phone's event to another feed, over HTTP, with the web server, beat and the workers of production."""

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
def around(tmp_path: Path) -> Iterator[Processes]:
    """A catalogue with its indexes and one film that nobody knows, and what reads events."""
    world.catalogue(60)
    ItemFactory.create(id=OBSCURE, popularity=0.0, vote_count=0, release_date="1961-01-01", genres=("drama",))
    world.build()
    with processes(tmp_path) as started:
        started.worker("events")
        started.beat()
        yield started


def event(item: str, kind: str = "view", *, back: float = 0.0) -> dict[str, Any]:
    """As the app writes it, `back` seconds ago."""
    moment = datetime.fromtimestamp(time.time() - back, UTC).replace(tzinfo=None)
    body = {"eventType": kind, "itemId": item, "timestamp": moment.isoformat(timespec="milliseconds")}
    return body | ({"durationWatched": 12} if kind == "view" else {})


def tell(web: Web, uid: str, *events: dict[str, Any]) -> None:
    answer = web.post(PATH, uid, events=list(events))
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == len(events)


def likes() -> int:
    found = counts.get_totals([OBSCURE]).get(OBSCURE)
    return found.get_count("like") if found else 0


@pytest.mark.slow
def test_events_change_what_people_see(around: Processes) -> None:
    web = around.web()
    watched = [item["id"] for item in web.feed("ama", limit=5)["feed"]]

    began = time.monotonic()
    tell(web, "ama", *(event(item) for item in watched))

    def vanished() -> bool:
        page = web.feed("ama", limit=100, refresh="true")
        return not {item["id"] for item in page["feed"]} & set(watched)

    around.wait_for(vanished, seconds=30)
    print(f"out of the next plan after {time.monotonic() - began:.1f} s")  # noqa: T201

    # A script says a hundred times that it likes a film: counted, and not heard.
    tell(web, "script", *(event(OBSCURE, "like", back=60.0 * n) for n in range(VIEWERS)))
    around.wait_for(lambda: likes() == VIEWERS, seconds=30)
    builds.rebuild(now=timezone.now())
    assert OBSCURE not in trending(web)[:40]
    # A hundred people like it.
    for number in range(VIEWERS):
        tell(web, f"viewer-{number}", event(OBSCURE, "like"))
    around.wait_for(lambda: likes() == 2 * VIEWERS, seconds=30)
    builds.rebuild(now=timezone.now())
    assert OBSCURE in trending(web)[:3]
    (card,) = (
        item for item in web.feed("mei", feed_type="trending", limit=3)["feed"] if item["id"] == OBSCURE
    )
    assert card["likeCount"] == 2 * VIEWERS


def trending(web: Web) -> list[str]:
    page = web.feed("mei", feed_type="trending", limit=100, refresh="true")
    return [item["id"] for item in page["feed"]]


def test_sending_events_calls_no_store() -> None:
    with count_calls() as tally:
        answer: Any = get_client("ama").post(PATH, {"events": [event(OBSCURE)]})
    assert answer.status_code == 200
    assert tally.calls == []
