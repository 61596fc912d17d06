"""The `master` format: JSON rows with the keys of `WireItem`, or the same keys in snake_case.

`status`, `hidden`, `staff_boost` and the counts are ignored: staff and Finishd itself set them.
"""

from collections.abc import Mapping, Set
from typing import Any, Final

from content.importing import values
from content.importing.formats.base import (
    COLUMN_CHECKS,
    Cell,
    Format,
    Row,
    check_columns,
    make_film_id,
    score_json_keys,
    to_camel_case,
)
from content.importing.layouts import JSON

_COLUMNS_BY_KEY: Final = {key: column for column in COLUMN_CHECKS for key in (column, to_camel_case(column))}
_GENRE_KEYS: Final = ("genres", "genreIds", "genre_ids")
KEYS: Final = frozenset({*_COLUMNS_BY_KEY, *_GENRE_KEYS, "id", "title"})


def score(keys: Set[str]) -> int:
    return score_json_keys(keys, KEYS)


def parse_row(raw: Mapping[str, Any]) -> Row:
    """Parse a row. An item without content type is a trailer if it has a video, else an image.

    Raises RejectedRow.
    """
    values.check_not_adult(raw.get("adult"), "adult")
    given = {_COLUMNS_BY_KEY[key]: Cell(value, key) for key, value in raw.items() if key in _COLUMNS_BY_KEY}
    columns = check_columns(Cell(raw.get("title"), "title"), given)
    if columns.get("content_type") is None:
        columns["content_type"] = "trailer" if columns.get("youtube_key") else "image"
    genre_key = next((key for key in _GENRE_KEYS if key in raw), None)
    genres = values.genres(raw[genre_key], genre_key) if genre_key else None
    return Row(_get_id(raw.get("id"), columns), columns, genres)


def _get_id(given_id: Any, columns: Mapping[str, Any]) -> str:
    """Return the id of the row, of its video or of its TMDB title, or make one of its title and year."""
    if given_id is not None and given_id != "":
        return values.item_id(given_id)
    if columns.get("youtube_key"):
        return values.item_id(columns["youtube_key"])
    if columns.get("media_type") and columns.get("tmdb_id"):
        return f"tmdb-{columns['media_type']}-{columns['tmdb_id']}-{columns['content_type']}"
    released = columns.get("release_date")
    return make_film_id(columns["title"], released.year if released else columns.get("release_year"))


MASTER: Final = Format(name="master", syntax=JSON, score=score, parse_row=parse_row)
