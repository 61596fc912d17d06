"""Import files, and functions that import them with the command."""

import csv
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
from django.core.management import call_command

from content.importing.files import AUTO, inspect_file

CaptureOnCommit = Callable[..., AbstractContextManager[list[Callable[[], Any]]]]

VALID_ROW = {"id": "valid", "title": "Heat", "contentType": "trailer", "genres": ["Crime"]}
COLUMNS = ("id", "title", "genres", "overview", "popularity", "poster_path", "release_date", "vote_average")


def master_item(item_id: str, **changes: Any) -> dict[str, Any]:
    """Return a row of a master file with a valid value for every key."""
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


def import_files(*paths: Path, report: Path, **options: Any) -> list[dict[str, Any]]:
    """Import the files and return the rejected rows."""
    call_command("import_catalog", *map(str, paths), report=report, verbosity=0, **options)
    return [orjson.loads(line) for line in report.read_bytes().splitlines()]


def get_output(*paths: Path, **options: Any) -> str:
    """Import the files and return the output of the command."""
    out = StringIO()
    call_command("import_catalog", *map(str, paths), stdout=out, verbosity=0, **options)
    return out.getvalue()


def read_rows(path: Path, requested: str = AUTO) -> list[Any]:
    """Return the parsed and the rejected rows of the file, without a database."""
    return [row.result for row in inspect_file(path, requested).rows()]
