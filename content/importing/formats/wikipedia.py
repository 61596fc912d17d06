"""The `wikipedia` format: JSON rows of Wikipedia's lists of films.

The lists have the year of release, but no date. The picture of a film is a URL, so the item is an image.
"""

from collections.abc import Mapping, Set
from typing import Any, Final
from urllib.parse import unquote

from content.importing import values
from content.importing.formats.base import (
    Format,
    Row,
    check_columns,
    make_film_id,
    make_id,
    score_json_keys,
)
from content.importing.layouts import JSON

_KEYS: Final = frozenset({"year", "cast", "href", "extract", "thumbnail"})


def score(keys: Set[str]) -> int:
    return score_json_keys(keys, _KEYS)


def parse_row(raw: Mapping[str, Any]) -> Row:
    """Parse a row. Raises RejectedRow.

    The id is made of the page and the title. The page is not enough, because re-releases and sequels
    share a page with another film. Title and year are not enough, because two films may share both.
    Two rows with the same page and title are the same film.
    """
    page = values.text(raw.get("href"), "href", limit=1000)
    given = {
        "content_type": "image",
        "media_type": "movie",
        "overview": raw.get("extract"),
        "thumbnail_url": raw.get("thumbnail"),
        "image_url": raw.get("thumbnail"),
        "release_year": raw.get("year"),
    }
    columns = check_columns(raw.get("title"), given)
    if page:
        item_id = make_id(unquote(page).replace("_", " "), page, columns["title"])
    else:
        item_id = make_film_id(columns["title"], columns["release_year"])
    return Row(item_id, columns, values.genres(raw.get("genres"), "genres"))


WIKIPEDIA: Final = Format(name="wikipedia", syntax=JSON, score=score, parse_row=parse_row)
