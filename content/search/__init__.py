"""Search for items by words, on PostgreSQL and on SQLite.

Each database has its own search structures beside the items, outside the ORM, and keeps them current
itself. So every change of an item changes the results, and no code has to remember the search.

| module | words | similar titles |
|---|---|---|
| `postgresql` | generated `tsvector` column, GIN index | pg_trgm, GIN index |
| `sqlite` | FTS5 table, maintained by triggers | FTS5 table of trigrams, maintained by triggers |

Results are ordered by how well the words match. The title has the highest weight; then follow the name and type
of the video and the year; then the overview. Popularity has a small effect, and an exact title doubles the score.
"""

from types import ModuleType

from django.db import connection

from content.search import postgresql, sqlite
from content.search.words import split_words

__all__ = ["find_ids", "split_words"]


def find_ids(words: list[str], *, media_type: str | None, limit: int) -> list[str]:
    """Return the ids of published items that match all words, best match first. The last word may be a prefix.

    If no item matches, return items with a similar title. Cost: 1 or 2 SQL queries.
    """
    if not words:
        return []
    engine = _get_engine()
    matches: list[str] = engine.match_words(words, media_type=media_type, limit=limit)
    return matches or engine.match_similar_titles(" ".join(words), media_type=media_type, limit=limit)


def _get_engine() -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite
