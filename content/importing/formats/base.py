"""The base of all formats: parsed rows, the checks of their columns, and ids that are made from text."""

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from django.utils.text import slugify

from content.importing import values
from content.services.genres import GenreMention
from content.types import CONTENT_TYPES, ITEM_ID_LENGTH, MEDIA_TYPES


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be imported.

    `columns` are columns of Item with their new values. Columns that are missing keep their value,
    and so do the item's genres if `genres` is None. `remake_id` is the id of the row if `id` is that of another film
    with the same name (see `content.importing.remakes`).
    """

    id: str
    columns: dict[str, Any]
    genres: tuple[GenreMention, ...] | None
    remake_id: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """The meaning of the keys of a row.

    The format can occur in every layout that has its `syntax`. `score` returns how well a set of keys
    fits the format, and 0 if it does not fit. `parse_row` raises RejectedRow. `needed_columns` is a part of
    the error message for a table whose columns fit no format.
    """

    name: str
    syntax: str
    score: Callable[[Set[str]], int]
    parse_row: Callable[[Mapping[str, Any]], Row]
    needed_columns: str = ""


# The value of these columns if a file has none for them. All other columns become NULL.
_DEFAULTS: Final = {"vote_count": 0, "popularity": 0.0}
COLUMN_CHECKS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "content_type": partial(values.one_of, choices=CONTENT_TYPES),
    "media_type": partial(values.one_of, choices=MEDIA_TYPES),
    "tmdb_id": partial(values.integer, minimum=1),
    "overview": partial(values.text, limit=values.MAX_TEXT_LENGTH),
    "description": partial(values.text, limit=values.MAX_TEXT_LENGTH),
    "poster_path": values.tmdb_path,
    "backdrop_path": values.tmdb_path,
    "youtube_key": partial(values.text, limit=64),
    "video_name": partial(values.text, limit=300),
    "video_type": partial(values.text, limit=64),
    "thumbnail_url": values.url,
    "image_url": values.url,
    "release_date": values.iso_date,
    "release_year": values.year,
    "channel_title": partial(values.text, limit=200),
    "vote_average": partial(values.number, maximum=10.0),
    "vote_count": values.integer,
    "popularity": values.number,
}
_SHARED_KEYS: Final = {"title", "genres"}


def score_json_keys(keys: Set[str], own_keys: Set[str]) -> int:
    """Return the score of a JSON format, which rises with the number of keys that only this format has.

    The keys `title` and `genres` occur in all formats. They only make a score of 0 positive.
    """
    return 2 * len(keys & own_keys - _SHARED_KEYS) + bool(keys & _SHARED_KEYS)


class Cell(NamedTuple):
    """A raw value, and the key that it has in the file. Reasons for a rejection name the key."""

    value: Any
    key: str


def check_columns(title: Cell, given: Mapping[str, Cell]) -> dict[str, Any]:
    """Return the values as the columns accept them. Raises RejectedRow."""
    columns: dict[str, Any] = {"title": values.title(*title)}
    for column, cell in given.items():
        checked = COLUMN_CHECKS[column](*cell)
        columns[column] = _DEFAULTS.get(column) if checked is None else checked
    return columns


def make_id(readable: str, *identity: str) -> str:
    """Return an id that is the same on every run: the readable text and a digest of `identity`.

    The digest separates items whose readable text is the same.
    """
    digest = blake2b("\n".join(identity).encode(), digest_size=5).hexdigest()
    start = slugify(readable)[: ITEM_ID_LENGTH - len(digest) - 1].rstrip("-")
    return f"{start}-{digest}" if start else digest


def make_film_id(title: str, year: int | None) -> str:
    return make_id(f"{title} {year or ''}", title, str(year))


def to_camel_case(column: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), column)
