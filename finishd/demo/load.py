"""Load the demo world: titles with the importer, people with activity's services."""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command

from activity.services import people as people_service
from activity.services import preferences, seeding
from activity.types import Relation
from content.types import title_key
from feed.services import builds
from finishd.demo import world
from finishd.demo.world import DemoPerson, DemoTitle

_DAY = 86_400


def load(*, now: datetime) -> tuple[int, int]:
    """Load titles, people and indexes. Return the numbers of items and people. Loading again changes only times."""
    items = [item for title in world.titles() for item in _items(title)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.json"
        path.write_bytes(orjson.dumps(items))
        call_command("import_catalog", str(path), format="master", publish=True, verbosity=0)
    titles = {title["id"]: _key(title) for title in world.titles()}
    people = world.people()
    epoch = int(now.timestamp())
    for person in people:
        _load_person(person, titles, now=epoch)
    for person in people:
        _load_follows(person, now=epoch)
    builds.rebuild_indexes(now=now, accept=True)
    return len(items), len(people)


def _items(title: DemoTitle) -> Iterator[dict[str, Any]]:
    """Yield the items of a title, with the keys of a master file: the main one, a trailer, and the extras."""
    main: dict[str, Any] = {key: value for key, value in title.items() if key not in {"extras", "year"}}
    main["releaseYear"] = title.get("year")
    main["contentType"] = "trailer"
    yield main
    for extra in title.get("extras", ()):
        yield {
            **main,
            "id": extra["id"],
            "contentType": extra["contentType"],
            "videoName": extra["name"],
            "popularity": title["popularity"] / 2,
        }


def _load_person(person: DemoPerson, keys: dict[str, str], *, now: int) -> None:
    uid = person["uid"]
    preferences.sync(uid, genre_names=person["genres"])
    people_service.sync_name_from_token(uid, person["name"], None)
    for activity in reversed(person["activities"]):
        relation = Relation(activity.get("status"), activity.get("isFavorite", False), activity.get("rating"))
        at = now - activity["daysAgo"] * _DAY
        seeding.record_past_activity(uid, keys[activity["title"]], relation, at=at)


def _load_follows(person: DemoPerson, *, now: int) -> None:
    for followee in person["follows"]:
        seeding.follow_with_backfill(person["uid"], followee, now=now)
    seeding.activate(person["uid"])


def _key(title: DemoTitle) -> str:
    return title_key(title["id"], title["mediaType"], title.get("tmdbId"))
