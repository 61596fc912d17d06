"""Files to import, and the command to import them, as staff would."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command

from content.importing.sources import Wanted, check

GOOD = {"id": "good", "title": "Heat", "contentType": "trailer", "genres": ["Crime"]}
COLUMNS = ("id", "title", "genres", "overview", "popularity", "poster_path", "release_date", "vote_average")


def master_item(item_id: str, **changes: Any) -> dict[str, Any]:
    """A row of a master file that is good in every key."""
    return {
        "id": item_id,
        "contentType": "trailer",
        "title": f"The film {item_id}",
        "tmdbId": 603,
        "mediaType": "movie",
        "overview": "A hacker learns what the world is.",
        "posterPath": "/poster.jpg",
        "backdropPath": "/backdrop.jpg",
        "youtubeKey": "vKQi3bBA1y8",
        "videoName": "Official trailer",
        "videoType": "Trailer",
        "thumbnailUrl": "https://img.example/t.jpg",
        "releaseDate": "1999-03-31",
        "channelTitle": "Studio",
        "voteAverage": 8.2,
        "popularity": 85.5,
        "genres": ["Action", "Sci-Fi"],
        **changes,
    }


def write_json(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def write_csv(path: Path, rows: Iterable[Iterable[Any]], columns: Iterable[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def run(*paths: Path, report: Path, **options: Any) -> list[dict[str, Any]]:
    """Import and return what was rejected."""
    call_command("import_catalog", *map(str, paths), report=report, verbosity=0, **options)
    return [orjson.loads(line) for line in report.read_bytes().splitlines()]


def read(path: Path, wanted: Wanted = "auto") -> list[Any]:
    """The file's rows, good and bad, without a database."""
    return [row for _, row, _ in check(path, wanted).rows()]
