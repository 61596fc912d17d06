"""Search on SQLite: FTS5 tables of words and of trigrams, which triggers on the items maintain.

`ensure_search_tables` runs after every `migrate`. It is not a migration, because Django alters a table on
SQLite by copying it, and the triggers are dropped with the old table.
"""

# ruff: noqa: S608  (the SQL contains only text of this module; user input is passed as arguments)

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from content.search.query import Query
from content.search.statements import (
    get_key_column,
    get_result_column,
    make_arguments,
    make_condition,
    make_statement,
)
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


# Removed from a title to join its words: the characters that occur within words. Each is a nested call in SQL, and
# SQLite's parser has a limit. The last four are apostrophes.
_SEPARATORS: Final = (*"-./:*&+!\u00b7\u2022", "''", "\u2018", "\u2019", "\u02bc")


def _joined_words_sql(text: str) -> str:
    """Return SQL for the text without punctuation, or for '' if it has none.

    Thus "walle" finds "WALL·E", and "schindlers" finds "Schindler's". The title itself has the words apart.
    """
    joined = text
    for separator in _SEPARATORS:
        joined = f"replace({joined}, '{separator}', '')"
    return f"iif({text} = {joined}, '', {joined})"


def _indexed_text_sql(row: str) -> str:
    year = f"coalesce(substr({row}.release_date, 1, 4), {row}.release_year, '')"
    names = f"coalesce({row}.video_name, '') || ' ' || {row}.content_type || ' ' || {year}"
    return f"{row}.title || ' ' || {_joined_words_sql(f'{row}.title')}, {names}, {row}.overview"


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
    "search_item_added": f"CREATE TRIGGER search_item_added AFTER INSERT ON content_item BEGIN {_ADD} END",
    "search_item_removed": f"CREATE TRIGGER search_item_removed AFTER DELETE ON content_item BEGIN {_REMOVE} END",
    "search_item_changed": (
        f"CREATE TRIGGER search_item_changed AFTER UPDATE OF {', '.join(_COLUMNS)} ON content_item "
        f"WHEN {_CHANGED} BEGIN {_REMOVE} {_ADD} END"
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

# bm25 takes the weights of title, names and overview. A better match has a lower value.
_WORDS: Final = """
    SELECT i.id, i.title_key,
           -bm25(search_words, 10.0, 2.5, 0.5) * (1 + 0.25 * ln(1 + i.popularity))
           * CASE WHEN lower(i.title) = lower(%(text)s) THEN 8
                  WHEN search_words.rowid IN (SELECT rowid FROM search_words WHERE search_words MATCH %(whole)s) THEN 4
                  ELSE 1 END
           AS score
    FROM search_words JOIN search_doc ON doc = search_words.rowid JOIN content_item i ON i.id = item
    WHERE search_words MATCH %(query)s AND {condition}
"""
_SIMILAR: Final = """
    SELECT title, found, {result} FROM (
        SELECT i.title, i.{key} AS found, bm25(search_trigrams) AS distance, i.popularity, i.id
        FROM search_trigrams JOIN search_doc ON doc = search_trigrams.rowid JOIN content_item i ON i.id = item
        WHERE search_trigrams MATCH %(query)s AND {condition}
        ORDER BY distance, i.popularity DESC, i.id
        LIMIT {candidates}
    ) ORDER BY distance, popularity DESC, id
"""


def ensure_search_tables(database: BaseDatabaseWrapper) -> bool:
    """Create the tables and triggers and fill the tables, unless all triggers exist as they are here.

    Return whether it did. It does nothing on other databases, or before the items' table exists.
    Cost: 1 SQL query if all exist.
    """
    if database.vendor != "sqlite":
        return False
    with database.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name = 'content_item' OR type = 'trigger'")
        existing = dict(cursor.fetchall())
        if "content_item" not in existing or _TRIGGERS.items() <= existing.items():
            return False
        for name in _TRIGGERS:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in (*_TABLES, *_TRIGGERS.values(), *_FILL):
            cursor.execute(statement)
    return True


def find_matches(query: Query, *, limit: int) -> list[str]:
    arguments = {
        **make_arguments(query, limit),
        "query": _make_match(query.chunks, is_prefix=True),
        "whole": _make_match(query.chunks, is_prefix=False),
        "text": " ".join(query.words),
    }
    return [row[0] for row in _fetch_rows(make_statement(_WORDS, query), arguments)]


def find_similar_titles(query: Query, *, limit: int) -> list[str]:
    trigrams = _get_trigrams(query.words)
    # The index has no trigrams with spaces.
    inner = sorted(trigram for trigram in trigrams if " " not in trigram)
    if not inner:
        return []
    sql = _SIMILAR.format(
        condition=make_condition(query),
        key=get_key_column(query),
        result=get_result_column(query),
        candidates=_SIMILAR_CANDIDATES,
    )
    match = " OR ".join(f'"{trigram}"' for trigram in inner)
    rows = _fetch_rows(sql, {"query": match, "media_type": query.media_type})
    results: dict[str, tuple[float, str]] = {}
    for title, found, item_id in rows:
        similarity = len(trigrams & _get_trigrams(split_words(title))) / len(trigrams)
        if similarity >= max(MIN_SIMILARITY, results.get(found, (0.0, ""))[0]):
            results[found] = (similarity, item_id)
    ranked = sorted(results.values(), key=lambda result: -result[0])
    return [item_id for _, item_id in ranked[:limit]]


def _make_match(chunks: Sequence[Sequence[str]], *, is_prefix: bool) -> str:
    """Return the FTS5 query for all chunks. The words of a chunk may also be written as one word."""
    marks = [""] * (len(chunks) - 1) + ["*" if is_prefix else ""]
    return " AND ".join(_make_chunk(words, mark) for words, mark in zip(chunks, marks, strict=True))


def _make_chunk(words: Sequence[str], mark: str) -> str:
    separate = " AND ".join(f'"{word}"' for word in words) + mark
    return separate if len(words) == 1 else f'(({separate}) OR "{"".join(words)}"{mark})'


def _get_trigrams(words: Iterable[str]) -> set[str]:
    """Return trigrams like pg_trgm: each word is padded with two spaces before it and one after it."""
    padded = (f"  {word.casefold()} " for word in words)
    return {word[i : i + 3] for word in padded for i in range(len(word) - 2)}


def _fetch_rows(sql: str, arguments: dict[str, str | int | None]) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        rows: list[tuple[str, ...]] = cursor.fetchall()
    return rows
