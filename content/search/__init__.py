"""Finding items by words: what the two databases have in common.

Each database keeps its own structures beside the items, outside the ORM, and brings
them up to date by itself: PostgreSQL a generated column, SQLite triggers. So every
way of changing an item changes what is found, and no code has to remember it.

| | words | misspelt titles |
|---|---|---|
| `postgresql` | generated `tsvector`, GIN | pg_trgm, GIN |
| `sqlite` | FTS5, kept by triggers | FTS5 of trigrams, kept by triggers |

Order: how well the words match (the title counts most, then the clip's name, type and
the year, then the overview), times a gentle factor of popularity, doubled when the
words are the whole title.
"""

from types import ModuleType

from django.db import connection

from content.search import postgresql, sqlite
from content.search.words import split_words

__all__ = ["find", "split_words"]


def find(words: list[str], *, media_type: str | None, limit: int) -> list[str]:
    """Ids of published items with all these words, the last one perhaps unfinished, best first.

    If there is none: those whose title is spelt much alike. Cost: 1 or 2 SQL queries.
    """
    if not words:
        return []
    engine = _engine()
    found: list[str] = engine.match_words(words, media_type=media_type, limit=limit)
    return found or engine.match_similar_titles(" ".join(words), media_type=media_type, limit=limit)


def _engine() -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite
