"""One check per kind of value: what the database and the phone accept, or RejectedRow.

Every check takes the raw value and the name under which to complain, and gives None for
an absent one. Types are strict: the phone's parser crashes on a number that is text.
"""

import math
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from content.importing.errors import RejectedRow
from content.services.genres import GenreMention, clean_name
from content.types import ITEM_ID_LENGTH, ITEM_ID_PATTERN, YEARS

MAX_WHOLE: Final = 2**31 - 1
MAX_PROSE: Final = 20_000  # characters of an overview or description; a card is read whole
MAX_GENRES: Final = 20
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def text(value: Any, name: str, *, limit: int) -> str | None:
    """Text without blanks around it; None when nothing is left."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type(value, name, "text")
    if "\0" in value:
        raise RejectedRow(f"{name}: holds a NUL character")
    if not value.isascii() and _SURROGATE.search(value):
        raise RejectedRow(f"{name}: holds half of a character")
    bare = value.strip()
    if len(bare) > limit:
        raise RejectedRow(f"{name}: {len(bare)} characters, at most {limit} fit")
    return bare or None


def item_id(value: Any) -> str:
    bare = text(value, "id", limit=ITEM_ID_LENGTH)
    if bare is None:
        raise RejectedRow("id: missing")
    if not re.fullmatch(ITEM_ID_PATTERN, bare):
        raise RejectedRow(f"id: holds a blank or control character: {bare!r}")
    return bare


def title(value: Any) -> str:
    bare = text(value, "title", limit=300)
    if bare is None:
        raise RejectedRow("title: missing")
    return " ".join(bare.split())


def one_of(value: Any, name: str, choices: tuple[str, ...]) -> str | None:
    bare = text(value, name, limit=100)
    if bare is None:
        return None
    if bare.lower() not in choices:
        raise RejectedRow(f"{name}: {_shown(bare)} is none of {', '.join(choices)}")
    return bare.lower()


def whole(value: Any, name: str, *, least: int = 0) -> int | None:
    exact = _number(value, name, "a whole number")
    if exact is None:
        return None
    if not least <= exact <= MAX_WHOLE:
        raise RejectedRow(f"{name}: {_shown(value)} is not between {least} and {MAX_WHOLE}")
    if exact != int(exact):
        raise _wrong_type(value, name, "a whole number")
    return int(exact)


def number(value: Any, name: str, *, most: float = 1e12) -> float | None:
    exact = _number(value, name, "a number")
    if exact is None:
        return None
    if not 0 <= exact <= most:
        raise RejectedRow(f"{name}: {_shown(value)} is not between 0 and {most:g}")
    return float(exact)


def day(value: Any, name: str) -> date | None:
    bare = text(value, name, limit=100)
    if bare is None:
        return None
    try:
        found = date.fromisoformat(bare) if _DAY.fullmatch(bare) else None
    except ValueError:
        found = None
    if found is None:
        raise RejectedRow(f"{name}: {_shown(bare)} is no date of the form YYYY-MM-DD")
    year(found.year, name)
    return found


def year(value: Any, name: str) -> int | None:
    found = whole(value, name)
    if found is not None and not YEARS[0] <= found <= YEARS[1]:
        raise RejectedRow(f"{name}: {found} is not a year between {YEARS[0]} and {YEARS[1]}")
    return found


def address(value: Any, name: str) -> str | None:
    """Of a picture on the web."""
    bare = text(value, name, limit=1000)
    if bare is not None and not bare.startswith(("https://", "http://")):
        raise RejectedRow(f"{name}: {_shown(bare)} does not begin with https:// or http://")
    return bare


def tmdb_path(value: Any, name: str) -> str | None:
    """Of a picture at TMDB; the phone puts TMDB's address before it."""
    bare = text(value, name, limit=300)
    if bare is not None and not bare.startswith("/"):
        raise RejectedRow(f"{name}: {_shown(bare)} does not begin with /")
    return bare


def genres(value: Any, name: str) -> tuple[GenreMention, ...]:
    """A list of names, TMDB ids, or objects with `name` and `id`; the order stays."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong_type(value, name, "a list")
    if len(value) > MAX_GENRES:
        raise RejectedRow(f"{name}: {len(value)} of them, at most {MAX_GENRES} fit")
    mentions = (_mention(entry, name) for entry in value)
    return tuple(dict.fromkeys(mention for mention in mentions if mention is not None))


def _mention(entry: Any, name: str) -> GenreMention | None:
    """None for an empty name: there is nothing to keep."""
    called: Any = entry
    numbered: Any = None
    if isinstance(entry, dict):
        called, numbered = entry.get("name"), entry.get("id")
    elif not isinstance(entry, str):
        called, numbered = None, entry
        if entry is None:
            raise _wrong_type(entry, name, "a genre")
    genre_name = text(called, name, limit=1000)
    genre_id = whole(numbered, name, least=1)
    if genre_name is not None:
        try:
            clean_name(genre_name)
        except ValueError as error:
            raise RejectedRow(f"{name}: {error}") from error
    elif genre_id is None:
        return None
    return GenreMention(genre_id, genre_name)


def _number(value: Any, name: str, wanted: str) -> int | float | Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong_type(value, name, wanted)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong_type(value, name, wanted)
    return value


def _wrong_type(value: Any, name: str, wanted: str) -> RejectedRow:
    return RejectedRow(f"{name}: {_shown(value)} is not {wanted}")


def _shown(value: Any) -> str:
    shown = str(value) if isinstance(value, int | float | Decimal) else repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"
