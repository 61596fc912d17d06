"""Search for items by words, on PostgreSQL and on SQLite.

Each database has its own search structures beside the items, outside the ORM, and keeps them current
itself. So every change of an item changes the results, and no code has to remember the search.

| module | words | similar titles |
|---|---|---|
| `postgresql` | generated `tsvector` column, GIN index | pg_trgm, GIN index |
| `sqlite` | FTS5 table, maintained by triggers | FTS5 table of trigrams, maintained by triggers |

Results are ordered by how well the words match. The title has the highest weight; then follow the name and type
of the video and the year; then the overview. Popularity has a small effect. Whole words count four times as much as
a prefix, and an exact title twice as much again. If the text is the name of a genre, its items alternate with the
matches.
"""

from types import ModuleType

from django.db import connection

from content.search import postgresql, sqlite
from content.search.query import Query, Scope

__all__ = ["Query", "Scope", "find_ids"]


def find_ids(query: Query, *, limit: int) -> list[str]:
    """Return the ids of items that match all words, best match first. The last word may be a prefix.

    Punctuation separates words or is left out: `spider-man` finds "Spider-Man" and "Spiderman", `walle` finds "WALL·E".
    If no item matches, return items with a similar title. Cost: 1 or 2 SQL queries, none without words.
    """
    if not query.chunks:
        return []
    engine = _get_engine()
    matches: list[str] = engine.find_matches(query, limit=limit)
    return matches or engine.find_similar_titles(query, limit=limit)


def _get_engine() -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite
