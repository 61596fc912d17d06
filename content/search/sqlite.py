"""Search on SQLite: FTS5 tables of words and of trigrams, which triggers on the items maintain.

`ensure_search_tables` runs after every `migrate`. It is not a migration, because Django alters a table on
SQLite by copying it, and the triggers are dropped with the old table.
"""

# ruff: noqa: S608  (the SQL contains only text of this module; user input is passed as arguments)

from typing import Final

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from content.search.words import split_words

MIN_SIMILARITY: Final = 0.5  # the part of the query's trigrams that a title must contain
_SIMILAR_CANDIDATES: Final = 50

_TABLES: Final = (
    # FTS5 needs integer keys. The items' own rowids are not stable: VACUUM changes them.
    """CREATE TABLE IF NOT EXISTS search_doc (doc INTEGER PRIMARY KEY, item TEXT NOT NULL UNIQUE)""",
    """CREATE VIRTUAL TABLE IF NOT EXISTS search_words USING fts5(
        title, names, overview, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3')""",
    """CREATE VIRTUAL TABLE IF NOT EXISTS search_trigrams USING fts5(
        title, tokenize = 'trigram', detail = none)""",
)


def _without_apostrophes_sql(text: str) -> str:
    """Return SQL for the text without apostrophes, or for '' if it has none.

    Thus "schindlers" finds "Schindler's". The apostrophe still separates words in the title itself.
    """
    joined = text
    for apostrophe in ("''", "\u2018", "\u2019", "\u02bc"):
        joined = f"replace({joined}, '{apostrophe}', '')"
    return f"iif({text} = {joined}, '', {joined})"


def _indexed_text_sql(row: str) -> str:
    year = f"coalesce(substr({row}.release_date, 1, 4), {row}.release_year, '')"
    names = f"coalesce({row}.video_name, '') || ' ' || {row}.content_type || ' ' || {year}"
    return f"{row}.title, {names} || ' ' || {_without_apostrophes_sql(f'{row}.title')}, {row}.overview"


_DOC_OF: Final = "(SELECT doc FROM search_doc WHERE item = {row}.id)"
_ADD: Final = f"""
    INSERT INTO search_doc (item) VALUES (new.id);
    INSERT INTO search_words (rowid, title, names, overview)
        SELECT {_DOC_OF.format(row="new")}, {_indexed_text_sql("new")};
    INSERT INTO search_trigrams (rowid, title) SELECT {_DOC_OF.format(row="new")}, new.title;
"""
_REMOVE: Final = f"""
    DELETE FROM search_trigrams WHERE rowid = {_DOC_OF.format(row="old")};
    DELETE FROM search_words WHERE rowid = {_DOC_OF.format(row="old")};
    DELETE FROM search_doc WHERE item = old.id;
"""
_COLUMNS: Final = ("id", "title", "video_name", "content_type", "release_date", "release_year", "overview")
_CHANGED: Final = " OR ".join(f"old.{c} IS NOT new.{c}" for c in _COLUMNS)
_TRIGGERS: Final = {
    "search_item_added": f"AFTER INSERT ON content_item BEGIN {_ADD} END",
    "search_item_removed": f"AFTER DELETE ON content_item BEGIN {_REMOVE} END",
    "search_item_changed": (
        f"AFTER UPDATE OF {', '.join(_COLUMNS)} ON content_item WHEN {_CHANGED} BEGIN {_REMOVE} {_ADD} END"
    ),
}
_FILL: Final = (
    "DELETE FROM search_words",
    "DELETE FROM search_trigrams",
    "DELETE FROM search_doc",
    "INSERT INTO search_doc (item) SELECT id FROM content_item",
    f"""INSERT INTO search_words (rowid, title, names, overview)
        SELECT doc, {_indexed_text_sql("i")} FROM search_doc JOIN content_item i ON i.id = item""",
    """INSERT INTO search_trigrams (rowid, title)
        SELECT doc, i.title FROM search_doc JOIN content_item i ON i.id = item""",
)

_SCOPE: Final = "i.status = 'published' AND (%(media_type)s IS NULL OR i.media_type = %(media_type)s)"
# bm25 takes the weights of title, names and overview. A better match has a lower value.
_WORDS: Final = f"""
    SELECT i.id
    FROM search_words JOIN search_doc ON doc = search_words.rowid JOIN content_item i ON i.id = item
    WHERE search_words MATCH %(query)s AND {_SCOPE}
    ORDER BY bm25(search_words, 10.0, 2.5, 0.5)
             * (1 + 0.25 * ln(1 + i.popularity))
             * CASE WHEN lower(i.title) = lower(%(text)s) THEN 2 ELSE 1 END,
             i.id
    LIMIT %(limit)s
"""
_SIMILAR: Final = f"""
    SELECT i.id, i.title
    FROM search_trigrams JOIN search_doc ON doc = search_trigrams.rowid JOIN content_item i ON i.id = item
    WHERE search_trigrams MATCH %(query)s AND {_SCOPE}
    ORDER BY bm25(search_trigrams), i.popularity DESC, i.id
    LIMIT {_SIMILAR_CANDIDATES}
"""


def ensure_search_tables(database: BaseDatabaseWrapper) -> bool:
    """Create the tables and triggers and fill the tables, unless all triggers exist. Return whether it did.

    It does nothing on other databases, or before the items' table exists. Cost: 1 SQL query if all exist.
    """
    if database.vendor != "sqlite":
        return False
    with database.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name = 'content_item' OR type = 'trigger'")
        existing = {row[0] for row in cursor.fetchall()}
        if "content_item" not in existing or set(_TRIGGERS) <= existing:
            return False
        for name in _TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in (*_TABLES, *(f"CREATE TRIGGER {n} {body}" for n, body in _TRIGGERS.items()), *_FILL):
            cursor.execute(statement)
    return True


def match_words(words: list[str], *, media_type: str | None, limit: int) -> list[str]:
    query = " ".join(f'"{word}"' for word in words) + "*"
    rows = _fetch_rows(
        _WORDS, {"query": query, "text": " ".join(words), "media_type": media_type, "limit": limit}
    )
    return [row[0] for row in rows]


def match_similar_titles(text: str, *, media_type: str | None, limit: int) -> list[str]:
    trigrams = _get_trigrams(text)
    # The index has no trigrams with spaces.
    inner = sorted(trigram for trigram in trigrams if " " not in trigram)
    if not inner:
        return []
    query = " OR ".join(f'"{trigram}"' for trigram in inner)
    rows = _fetch_rows(_SIMILAR, {"query": query, "media_type": media_type})
    similarities = [
        (len(trigrams & _get_trigrams(title)) / len(trigrams), item_id) for item_id, title in rows
    ]
    similar = sorted((pair for pair in similarities if pair[0] >= MIN_SIMILARITY), key=lambda pair: -pair[0])
    return [item_id for _, item_id in similar[:limit]]


def _get_trigrams(text: str) -> set[str]:
    """Return trigrams like pg_trgm: each word is padded with two spaces before it and one after it."""
    padded = (f"  {word} " for word in split_words(text.casefold()))
    return {word[i : i + 3] for word in padded for i in range(len(word) - 2)}


def _fetch_rows(sql: str, arguments: dict[str, str | int | None]) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        rows: list[tuple[str, ...]] = cursor.fetchall()
    return rows
