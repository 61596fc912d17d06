"""The `tmdb-csv` format: a TMDB export as CSV. All cells are text.

A table that has the column `first_air_date`, or `name` instead of `title`, contains series.
"""

import ast
import re
from collections.abc import Mapping, Set
from typing import Any, Final

import orjson

from content.importing import values
from content.importing.errors import RejectedRow
from content.importing.formats.base import Cell, Format, Row, check_columns
from content.importing.layouts import CSV

TEXT_COLUMNS: Final = ("overview", "poster_path", "backdrop_path")
_NUMBER_COLUMNS: Final = ("vote_average", "vote_count", "popularity")
_MAX_GENRE_CELL_LENGTH: Final = 10_000  # characters; limits the input of Python's parser


def score(columns: Set[str]) -> int:
    return int(
        "id" in columns and bool(columns & {"title", "name"}) and bool(columns & {"genres", "genre_ids"})
    )


def parse_row(raw: Mapping[str, str]) -> Row:
    """Parse a row. Raises RejectedRow."""
    values.check_not_adult(raw.get("adult"), "adult")
    is_series = "first_air_date" in raw or "title" not in raw
    given = {column: Cell(raw[column], column) for column in TEXT_COLUMNS if column in raw}
    given |= {column: Cell(_parse_number(raw[column]), column) for column in _NUMBER_COLUMNS if column in raw}
    if "release_date" in raw or is_series:
        given["release_date"] = _get_first(raw, "release_date", "first_air_date")
    given["content_type"] = Cell("image", "content_type")
    media_type = raw.get("media_type", "").strip() or ("tv" if is_series else "movie")
    given["media_type"] = Cell(media_type, "media_type")
    given["tmdb_id"] = Cell(_parse_number(raw["id"]), "id")
    columns = check_columns(_get_first(raw, "title", "name"), given)
    if columns["tmdb_id"] is None:
        raise RejectedRow("id: missing")
    genres = _get_first(raw, "genres", "genre_ids")
    mentions = values.genres(_parse_genres(genres.value or "", genres.key), genres.key)
    return Row(f"tmdb-{columns['media_type']}-{columns['tmdb_id']}", columns, mentions)


def _get_first(raw: Mapping[str, str], key: str, other: str) -> Cell:
    """Return the cell of the first key, or that of the other one if only the other one has text."""
    return Cell(raw[other], other) if not raw.get(key) and (other in raw) else Cell(raw.get(key), key)


def _parse_number(cell: str) -> int | float | str | None:
    """Return the number in a cell. Other text is returned unchanged, and the column's check rejects it."""
    stripped = cell.strip()
    if not stripped:
        return None
    try:
        if len(stripped) <= 20 and stripped.lstrip("-").isdecimal():
            return int(stripped)
        return float(stripped)
    except ValueError:
        return cell


def _parse_genres(cell: str, key: str) -> list[Any]:
    """Parse a JSON list, a list as a Python literal, or names separated by commas or bars.

    Raises RejectedRow.
    """
    stripped = cell.strip()
    if "\0" in stripped or len(stripped) > _MAX_GENRE_CELL_LENGTH:
        raise RejectedRow(f"{key}: contains a NUL character or is too long")
    if not stripped.startswith(("[", "{")):
        return [name for name in re.split(r"[,|]", stripped) if name.strip()]
    try:
        parsed = orjson.loads(stripped)
    except orjson.JSONDecodeError:
        try:
            parsed = ast.literal_eval(stripped)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise RejectedRow(f"{key}: neither JSON nor a Python literal") from error
    if not isinstance(parsed, list):
        raise RejectedRow(f"{key}: not a list")
    return parsed


TMDB_CSV: Final = Format(
    name="tmdb-csv",
    syntax=CSV,
    score=score,
    parse_row=parse_row,
    needed_columns="id, title or name, genres or genre_ids",
)
