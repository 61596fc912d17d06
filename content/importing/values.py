"""Checks of single values. Each returns the value as the database and the phone accept it.

A check takes the raw value and the key that it has in the file, and returns None if there is no value. It raises
RejectedRow with the reason, which names this key. Types are strict, because the phone's parser crashes on a
number that is text.
"""

import math
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from content.importing.errors import RejectedRow
from content.services.genres import GenreMention, clean_name
from content.types import ITEM_ID_LENGTH, ITEM_ID_PATTERN, YEARS

MAX_INTEGER: Final = 2**31 - 1
MAX_TEXT_LENGTH: Final = 20_000  # characters; the phone always loads the complete card
MAX_GENRES: Final = 20
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ISO_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def text(value: Any, name: str, *, limit: int) -> str | None:
    """Return the text without surrounding whitespace, or None if nothing is left."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise _wrong_type(value, name, "text")
    if "\0" in value:
        raise RejectedRow(f"{name}: contains a NUL character")
    if not value.isascii() and _SURROGATE.search(value):
        raise RejectedRow(f"{name}: contains an unpaired surrogate")
    stripped = value.strip()
    if len(stripped) > limit:
        raise RejectedRow(f"{name}: {len(stripped)} characters, the maximum is {limit}")
    return stripped or None


def item_id(value: Any) -> str:
    stripped = text(value, "id", limit=ITEM_ID_LENGTH)
    if stripped is None:
        raise RejectedRow("id: missing")
    if not re.fullmatch(ITEM_ID_PATTERN, stripped):
        raise RejectedRow(f"id: contains whitespace or a control character: {stripped!r}")
    return stripped


def title(value: Any, name: str = "title") -> str:
    stripped = text(value, name, limit=300)
    if stripped is None:
        raise RejectedRow(f"{name}: missing")
    return " ".join(stripped.split())


def one_of(value: Any, name: str, choices: tuple[str, ...]) -> str | None:
    stripped = text(value, name, limit=100)
    if stripped is None:
        return None
    if stripped.lower() not in choices:
        raise RejectedRow(f"{name}: {_shorten(stripped)} is not one of {', '.join(choices)}")
    return stripped.lower()


def integer(value: Any, name: str, *, minimum: int = 0) -> int | None:
    exact = _number(value, name, "a whole number")
    if exact is None:
        return None
    if not minimum <= exact <= MAX_INTEGER:
        raise RejectedRow(f"{name}: {_shorten(value)} is not between {minimum} and {MAX_INTEGER}")
    if exact != int(exact):
        raise _wrong_type(value, name, "a whole number")
    return int(exact)


def number(value: Any, name: str, *, maximum: float = 1e12) -> float | None:
    exact = _number(value, name, "a number")
    if exact is None:
        return None
    if not 0 <= exact <= maximum:
        raise RejectedRow(f"{name}: {_shorten(value)} is not between 0 and {maximum:g}")
    return float(exact)


def iso_date(value: Any, name: str) -> date | None:
    stripped = text(value, name, limit=100)
    if stripped is None:
        return None
    try:
        parsed = date.fromisoformat(stripped) if _ISO_DATE.fullmatch(stripped) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise RejectedRow(f"{name}: {_shorten(stripped)} is not a date in the form YYYY-MM-DD")
    year(parsed.year, name)
    return parsed


def year(value: Any, name: str) -> int | None:
    parsed = integer(value, name)
    if parsed is not None and not YEARS[0] <= parsed <= YEARS[1]:
        raise RejectedRow(f"{name}: {parsed} is not a year between {YEARS[0]} and {YEARS[1]}")
    return parsed


def check_not_adult(value: Any, name: str) -> None:
    """Reject a row that its file marks as adult. Cells of a CSV file are text."""
    is_adult = value.strip().lower() if isinstance(value, str) else value
    if is_adult in (True, "true", "1", "yes", "t", "y"):
        raise RejectedRow(f"{name}: adult titles are not imported")
    if is_adult not in (None, False, "", "false", "0", "no", "f", "n"):
        raise _wrong_type(value, name, "true or false")


def url(value: Any, name: str) -> str | None:
    """Return the URL of a picture."""
    stripped = text(value, name, limit=1000)
    if stripped is not None and not stripped.startswith(("https://", "http://")):
        raise RejectedRow(f"{name}: {_shorten(stripped)} does not begin with https:// or http://")
    return stripped


def tmdb_path(value: Any, name: str) -> str | None:
    """Return the path of a picture at TMDB. The phone adds the host."""
    stripped = text(value, name, limit=300)
    if stripped is not None and not stripped.startswith("/"):
        raise RejectedRow(f"{name}: {_shorten(stripped)} does not begin with /")
    return stripped


def genres(value: Any, name: str) -> tuple[GenreMention, ...]:
    """Parse a list of names, TMDB ids, or objects with `name` and `id`, in its order and without duplicates."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong_type(value, name, "a list")
    if len(value) > MAX_GENRES:
        raise RejectedRow(f"{name}: {len(value)} entries, the maximum is {MAX_GENRES}")
    parsed = (_parse_genre(entry, name) for entry in value)
    return tuple(dict.fromkeys(genre for genre in parsed if genre is not None))


def _parse_genre(entry: Any, name: str) -> GenreMention | None:
    """Return the genre that the entry names, or None for an empty name."""
    given_name: Any = entry
    given_id: Any = None
    if isinstance(entry, dict):
        given_name, given_id = entry.get("name"), entry.get("id")
    elif not isinstance(entry, str):
        given_name, given_id = None, entry
        if entry is None:
            raise _wrong_type(entry, name, "a genre")
    genre_name = text(given_name, name, limit=1000)
    genre_id = integer(given_id, name, minimum=1)
    if genre_name is not None:
        try:
            clean_name(genre_name)
        except ValueError as error:
            raise RejectedRow(f"{name}: {error}") from error
    elif genre_id is None:
        return None
    return GenreMention(genre_id, genre_name)


def _number(value: Any, name: str, expected: str) -> int | float | Decimal | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _wrong_type(value, name, expected)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong_type(value, name, expected)
    return value


def _wrong_type(value: Any, name: str, expected: str) -> RejectedRow:
    return RejectedRow(f"{name}: {_shorten(value)} is not {expected}")


def _shorten(value: Any) -> str:
    shown = str(value) if isinstance(value, int | float | Decimal) else repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"
