"""Importing a file, and its floors: COPY and INSERTs of the same rows into the same tables."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from bench.remote import bulk, seed
from content.models import Item, ItemGenre

_FILE_COLUMNS = (
    *("id", "content_type", "title", "tmdb_id", "media_type", "overview", "poster_path", "backdrop_path"),
    *("youtube_key", "video_name", "video_type", "vote_average", "vote_count", "popularity"),
)
_ROWS_PER_INSERT = 1_000


def write_file(rows: int) -> str:
    """Write a master file as JSON lines and return its path."""
    path = Path(settings.FINISHD_DATA) / "import.jsonl"
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM content_genre")
        genre_names = dict(cursor.fetchall())
    genres_by_item: dict[str, list[str]] = {}
    for item, genre, _ in seed.link_rows(rows):
        genres_by_item.setdefault(item, []).append(genre_names[genre])
    with path.open("w") as file:
        for row in seed.item_rows(rows, now=datetime.now(UTC)):
            values = dict(zip(seed.ITEM_COLUMNS, row, strict=True))
            body = {name: values[name] for name in _FILE_COLUMNS}
            body["release_date"] = str(values["release_date"])
            file.write(json.dumps({**body, "genres": genres_by_item[values["id"]]}) + "\n")
    return str(path)


def import_file(path: str, publish: bool) -> float:
    """Run `import_catalog` with an empty catalogue. Return the seconds."""
    _delete_items()
    start = time.monotonic()
    call_command("import_catalog", path, publish=publish, verbosity=0)
    return time.monotonic() - start


def copy_rows(rows: int) -> float:
    """Insert the same rows with COPY, with all constraints and indexes. Return the seconds."""
    _delete_items()
    items = list(seed.item_rows(rows, now=datetime.now(UTC)))
    links = list(seed.link_rows(rows))
    start = time.monotonic()
    bulk.insert_rows("content_item", seed.ITEM_COLUMNS, items)
    bulk.insert_rows("content_itemgenre", seed.LINK_COLUMNS, links)
    return time.monotonic() - start


def insert_rows(rows: int) -> float:
    """Insert the same rows with INSERTs of 1,000 rows. Return the seconds."""
    _delete_items()
    items = list(seed.item_rows(rows, now=datetime.now(UTC)))
    links = list(seed.link_rows(rows))
    start = time.monotonic()
    for table, columns, all_rows in (
        ("content_item", seed.ITEM_COLUMNS, items),
        ("content_itemgenre", seed.LINK_COLUMNS, links),
    ):
        for first in range(0, len(all_rows), _ROWS_PER_INSERT):
            part = all_rows[first : first + _ROWS_PER_INSERT]
            placeholders = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(part))
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {table} ({', '.join(columns)}) VALUES {placeholders}",
                    [value for row in part for value in row],
                )
    return time.monotonic() - start


def _delete_items() -> None:
    ItemGenre.objects.all()._raw_delete(ItemGenre.objects.db)
    Item.objects.all()._raw_delete(Item.objects.db)
    bulk.execute("VACUUM content_item", "VACUUM content_itemgenre")
