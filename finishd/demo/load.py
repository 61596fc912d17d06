"""Puts the little world into the database: titles by the importer, people through activity's services."""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command

from activity.services import preferences, profiles, timelines
from activity.store import store
from activity.types import TimelineRow
from content.types import title_key
from feed.services import builds
from finishd.demo import world
from finishd.demo.world import DemoPerson, DemoTitle

_DAY = 86_400


def load(*, now: datetime) -> tuple[int, int]:
    """Load titles, people and indexes; returns (items, people). Loading again changes nothing but times."""
    items = [item for title in world.titles() for item in _items(title)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.json"
        path.write_bytes(orjson.dumps(items))
        call_command("import_catalog", str(path), format="master", publish=True, verbosity=0)
    keys = {title["id"]: _key(title) for title in world.titles()}
    people = {person["uid"]: person for person in world.people()}
    epoch = int(now.timestamp())
    for person in people.values():
        _load_person(person, people, keys, now=epoch)
    builds.rebuild(now=now, accept=True)
    return len(items), len(people)


def _items(title: DemoTitle) -> Iterator[dict[str, Any]]:
    """A title's main item, as a trailer, and its extras, in the keys of a master file."""
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


def _load_person(
    person: DemoPerson, people: dict[str, DemoPerson], keys: dict[str, str], *, now: int
) -> None:
    uid = person["uid"]
    preferences.sync(uid, genre_names=person["genres"], name=person["name"])
    finished = [keys[deed["title"]] for deed in person["activities"] if deed.get("status") == "finished"]
    profiles.write(store().add_finished(uid, finished))
    rows = [row for followee in person["follows"] for row in _rows(people[followee], keys, now=now)]
    timelines.deliver(uid, rows)


def _rows(actor: DemoPerson, keys: dict[str, str], *, now: int) -> Iterator[TimelineRow]:
    for deed in actor["activities"]:
        yield TimelineRow(
            actor=actor["uid"],
            title=keys[deed["title"]],
            at=now - int(deed["daysAgo"] * _DAY),
            status=deed.get("status"),
            favorite=deed.get("isFavorite", False),
            rating=deed.get("rating"),
            actor_name=actor["name"],
        )


def _key(title: DemoTitle) -> str:
    return title_key(title["id"], title["mediaType"], title.get("tmdbId"))
