"""What a row means: from the keys of each format to the columns of an item, and its stable id."""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, Final, Literal
from urllib.parse import unquote

import orjson
from django.utils.text import slugify

from content.importing import values
from content.importing.errors import RejectedRow
from content.services.genres import GenreMention
from content.types import CONTENT_TYPES, ITEM_ID_LENGTH, MEDIA_TYPES

Format = Literal["master", "tmdb-csv", "wikipedia"]


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can go in. What it does not state (`columns`, `genres`) stays as it is in the item."""

    id: str
    columns: dict[str, Any]
    genres: tuple[GenreMention, ...] | None


# Absent values of these columns are not null but nothing counted yet.
_ZERO: Final = {"vote_count": 0, "popularity": 0.0}
_CHECKS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "content_type": partial(values.one_of, choices=CONTENT_TYPES),
    "media_type": partial(values.one_of, choices=MEDIA_TYPES),
    "tmdb_id": partial(values.whole, least=1),
    "overview": partial(values.text, limit=values.MAX_PROSE),
    "description": partial(values.text, limit=values.MAX_PROSE),
    "poster_path": values.tmdb_path,
    "backdrop_path": values.tmdb_path,
    "youtube_key": partial(values.text, limit=64),
    "video_name": partial(values.text, limit=300),
    "video_type": partial(values.text, limit=64),
    "thumbnail_url": values.address,
    "image_url": values.address,
    "release_date": values.day,
    "release_year": values.year,
    "channel_title": partial(values.text, limit=200),
    "vote_average": partial(values.number, most=10.0),
    "vote_count": values.whole,
    "popularity": values.number,
}


def _camel(column: str) -> str:
    return re.sub(r"_(\w)", lambda match: match[1].upper(), column)


# Every name of a column in a master file. Like, view and share counts are not read: ours are counted here.
_SPELLINGS: Final = {spelling: column for column in _CHECKS for spelling in (column, _camel(column))}
_GENRE_KEYS: Final = ("genres", "genreIds", "genre_ids")
_MASTER_KEYS: Final = {*_SPELLINGS, *_GENRE_KEYS, "id", "title"}
_WIKIPEDIA_KEYS: Final = {"year", "cast", "href", "extract", "thumbnail"}
_TMDB_TEXTS: Final = ("overview", "poster_path", "backdrop_path")
_TMDB_NUMBERS: Final = ("vote_average", "vote_count", "popularity")
_MAX_GENRE_CELL: Final = 10_000  # characters; what is longer is not given to Python's parser


def recognise(rows: Iterable[Mapping[str, Any]]) -> tuple[Format, ...]:
    """What rows of JSON may be, by their keys, the likelier first; empty if nothing that we know."""
    keys = {key for row in rows for key in row}
    as_wikipedia = len(keys & _WIKIPEDIA_KEYS)
    as_master = len(keys & _MASTER_KEYS - {"title", "genres"})
    if as_wikipedia != as_master:
        return ("wikipedia",) if as_wikipedia > as_master else ("master",)
    return ("master", "wikipedia") if as_master or keys & {"title", "genres"} else ()


def is_tmdb(header: Iterable[str]) -> bool:
    names = set(header)
    return "id" in names and bool(names & {"title", "name"}) and bool(names & {"genres", "genre_ids"})


def master(raw: Mapping[str, Any]) -> Row:
    """The keys of the wire, or the same in snake_case. Raises RejectedRow."""
    stated = {_SPELLINGS[key]: value for key, value in raw.items() if key in _SPELLINGS}
    if stated.get("content_type") is None:
        stated["content_type"] = "trailer" if stated.get("youtube_key") else "image"
    columns = _checked(raw.get("title"), stated)
    genre_key = next((key for key in _GENRE_KEYS if key in raw), None)
    genres = values.genres(raw[genre_key], genre_key) if genre_key else None
    return Row(_master_id(raw.get("id"), columns), columns, genres)


def _master_id(given: Any, columns: Mapping[str, Any]) -> str:
    """The file's own id; else the video's, the title's at TMDB, or one made of the title and its year."""
    if given is not None and given != "":
        return values.item_id(given)
    if columns.get("youtube_key"):
        return values.item_id(columns["youtube_key"])
    if columns.get("media_type") and columns.get("tmdb_id"):
        return f"tmdb-{columns['media_type']}-{columns['tmdb_id']}-{columns['content_type']}"
    released = columns.get("release_date")
    return _film_id(columns["title"], released.year if released else columns.get("release_year"))


def tmdb(raw: Mapping[str, str]) -> Row:
    """A row of a TMDB export; all cells are text. Raises RejectedRow.

    A table with `first_air_date`, or with `name` instead of `title`, is one of series.
    """
    series = "first_air_date" in raw or "title" not in raw
    stated: dict[str, Any] = {column: raw[column] for column in _TMDB_TEXTS if column in raw}
    stated |= {column: _read(raw[column]) for column in _TMDB_NUMBERS if column in raw}
    if "release_date" in raw or series:
        stated["release_date"] = raw.get("release_date") or raw.get("first_air_date")
    stated["content_type"] = "image"
    stated["media_type"] = raw.get("media_type", "").strip() or ("tv" if series else "movie")
    stated["tmdb_id"] = _read(raw["id"])
    columns = _checked(raw.get("title") or raw.get("name"), stated)
    if columns["tmdb_id"] is None:
        raise RejectedRow("id: missing")
    genres = values.genres(_genre_cell(raw.get("genres") or raw.get("genre_ids") or ""), "genres")
    return Row(f"tmdb-{columns['media_type']}-{columns['tmdb_id']}", columns, genres)


def _read(cell: str) -> int | float | str | None:
    """A cell's number; what is none stays text, and is refused as such."""
    bare = cell.strip()
    if not bare:
        return None
    try:
        return int(bare) if len(bare) <= 20 and bare.lstrip("-").isdecimal() else float(bare)
    except ValueError:
        return cell


def _genre_cell(cell: str) -> list[Any]:
    """A JSON list, a Python literal of one, or names with commas or bars between. Raises RejectedRow."""
    bare = cell.strip()
    if "\0" in bare or len(bare) > _MAX_GENRE_CELL:
        raise RejectedRow("genres: holds a NUL character or is too long")
    if not bare.startswith(("[", "{")):
        return [name for name in re.split(r"[,|]", bare) if name.strip()]
    try:
        found = orjson.loads(bare)
    except orjson.JSONDecodeError:
        try:
            found = ast.literal_eval(bare)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise RejectedRow("genres: neither JSON nor a Python literal") from error
    if not isinstance(found, list):
        raise RejectedRow("genres: not a list")
    return found


def wikipedia(raw: Mapping[str, Any]) -> Row:
    """A film of the Wikipedia lists; of its release they know the year and no more. Raises RejectedRow.

    Its picture is an address, so the item is an image of the film. The id is made of the page and
    the title: re-releases and sequels share their page with another film, and two films may share
    title and year. One page listed twice under one title is one film.
    """
    page = values.text(raw.get("href"), "href", limit=1000)
    stated = {
        "content_type": "image",
        "media_type": "movie",
        "overview": raw.get("extract"),
        "thumbnail_url": raw.get("thumbnail"),
        "image_url": raw.get("thumbnail"),
        "release_year": raw.get("year"),
    }
    columns = _checked(raw.get("title"), stated)
    if page:
        item_id = made_id(unquote(page).replace("_", " "), page, columns["title"])
    else:
        item_id = _film_id(columns["title"], columns["release_year"])
    return Row(item_id, columns, values.genres(raw.get("genres"), "genres"))


def _film_id(title: str, year: int | None) -> str:
    return made_id(f"{title} {year or ''}", title, str(year))


def made_id(readable: str, *identity: str) -> str:
    """An id that is the same on every run; the digest of `identity` keeps apart what reads alike."""
    digest = blake2b("\n".join(identity).encode(), digest_size=5).hexdigest()
    start = slugify(readable)[: ITEM_ID_LENGTH - len(digest) - 1].rstrip("-")
    return f"{start}-{digest}" if start else digest


def _checked(title: Any, stated: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {"title": values.title(title)}
    for column, value in stated.items():
        found = _CHECKS[column](value, column)
        columns[column] = _ZERO.get(column) if found is None else found
    return columns


READERS: Final[dict[Format, Callable[[Mapping[str, Any]], Row]]] = {
    "master": master,
    "tmdb-csv": tmdb,
    "wikipedia": wikipedia,
}
