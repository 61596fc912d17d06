"""The `wikipedia` format: JSON rows of Wikipedia's lists of films.

The lists have the year of release, but no date. The picture of a film is a URL, so the item is an image.
"""

from collections.abc import Mapping, Set
from typing import Any, Final
from urllib.parse import unquote

from content.importing import values
from content.importing.formats.base import (
    Cell,
    Format,
    Row,
    check_columns,
    make_film_id,
    make_id,
    score_json_keys,
)
from content.importing.layouts import JSON

_KEYS: Final = frozenset({"year", "cast", "href", "extract", "thumbnail"})
_KEYS_BY_COLUMN: Final = {
    "overview": "extract",
    "thumbnail_url": "thumbnail",
    "image_url": "thumbnail",
    "release_year": "year",
}


def score(keys: Set[str]) -> int:
    return score_json_keys(keys, _KEYS)


def parse_row(raw: Mapping[str, Any]) -> Row:
    """Parse a row. Raises RejectedRow.

    The id is made of the page and the title. The page is not enough, because re-releases and sequels
    share a page with another film. Title and year are not enough, because two films may share both.
    Two rows with the same page and title are the same film, which two lists may date a year apart, unless they
    are so far apart that one is a remake. The id of a remake has its year.
    """
    page = values.text(raw.get("href"), "href", limit=1000)
    given = {column: Cell(raw.get(key), key) for column, key in _KEYS_BY_COLUMN.items()}
    given["content_type"] = Cell("image", "content_type")
    given["media_type"] = Cell("movie", "media_type")
    columns = check_columns(Cell(raw.get("title"), "title"), given)
    mentions = values.genres(raw.get("genres"), "genres")
    title, year = columns["title"], columns["release_year"]
    if not page:
        return Row(make_film_id(title, year), columns, mentions)
    readable = unquote(page).replace("_", " ")
    remake_id = make_id(f"{readable} {year}", page, title, str(year)) if year else None
    return Row(make_id(readable, page, title), columns, mentions, remake_id)


WIKIPEDIA: Final = Format(name="wikipedia", syntax=JSON, score=score, parse_row=parse_row)
