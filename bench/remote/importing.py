"""Importing a file, and the floor of it: the same rows by COPY into the same tables."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from bench.remote import bulk, seed
from content.models import Item, ItemGenre


def write_file(rows: int) -> str:
    """A master file in JSON lines; its path."""
    path = Path(settings.FINISHD_DATA) / "import.jsonl"
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM content_genre")
        called = dict(cursor.fetchall())
    links: dict[str, list[str]] = {}
    for item, genre, _ in seed.link_rows(rows):
        links.setdefault(item, []).append(called[genre])
    with path.open("w") as file:
        for row in seed.item_rows(rows, now=datetime.now(UTC)):
            named = dict(zip(seed.ITEM_COLUMNS, row, strict=True))
            body = {name: named[name] for name in _FILE_COLUMNS}
            body["release_date"] = str(named["release_date"])
            file.write(json.dumps({**body, "genres": links[named["id"]]}) + "\n")
    return str(path)


_FILE_COLUMNS = (
    *("id", "content_type", "title", "tmdb_id", "media_type", "overview", "poster_path", "backdrop_path"),
    *("youtube_key", "video_name", "video_type", "vote_average", "vote_count", "popularity"),
)


def import_file(path: str, publish: bool) -> float:
    """Seconds of `import_catalog` into an empty catalogue."""
    _delete_items()
    begun = time.monotonic()
    call_command("import_catalog", path, publish=publish, verbosity=0)
    return time.monotonic() - begun


def copy_rows(rows: int) -> float:
    """Seconds of the same rows by COPY, with all constraints and indexes in place."""
    _delete_items()
    items = list(seed.item_rows(rows, now=datetime.now(UTC)))
    links = list(seed.link_rows(rows))
    begun = time.monotonic()
    bulk.insert_rows("content_item", seed.ITEM_COLUMNS, items)
    bulk.insert_rows("content_itemgenre", seed.LINK_COLUMNS, links)
    return time.monotonic() - begun


def insert_rows(rows: int) -> float:
    """Seconds of the same rows by INSERTs of 1,000 rows."""
    _delete_items()
    items = list(seed.item_rows(rows, now=datetime.now(UTC)))
    links = list(seed.link_rows(rows))
    begun = time.monotonic()
    for table, columns, all_rows in (
        ("content_item", seed.ITEM_COLUMNS, items),
        ("content_itemgenre", seed.LINK_COLUMNS, links),
    ):
        for start in range(0, len(all_rows), 1_000):
            part = all_rows[start : start + 1_000]
            places = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(part))
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES {places}",
                    [value for row in part for value in row],
                )
    return time.monotonic() - begun


def _delete_items() -> None:
    ItemGenre.objects.all()._raw_delete(ItemGenre.objects.db)
    Item.objects.all()._raw_delete(Item.objects.db)
    bulk.execute("VACUUM content_item", "VACUUM content_itemgenre")
