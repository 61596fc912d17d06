"""Search on PostgreSQL, with the structures of migration `0004_search_joined_words`.

The text search configuration `finishd` removes accents and keeps all words. The configurations of
languages drop words that are film titles, such as "It" and "Up".
"""

from collections.abc import Sequence
from typing import Final

from django.db import connection

from content.search.query import Query
from content.search.statements import make_arguments, make_statement

# The weights of D (overview), C (not used), B (name and type of the video, year) and A (title).
_WEIGHTS: Final = "{0.05, 0.1, 0.25, 1.0}"

_WORDS: Final = """
    SELECT i.id, i.title_key,
           ts_rank(%(weights)s::float4[], i.search_words, query, 1) * (1 + 0.25 * ln(1 + i.popularity))
           * CASE WHEN lower(i.title) = lower(%(text)s) THEN 8 WHEN i.search_words @@ whole THEN 4 ELSE 1 END
           AS score
    FROM content_item i, to_tsquery('finishd', %(query)s) AS query, to_tsquery('finishd', %(whole)s) AS whole
    WHERE i.search_words @@ query AND {condition}
"""

# `%` compares with the whole title (threshold 0.3), `<%` with some of its words (threshold 0.6).
_SIMILAR: Final = """
    SELECT i.id, i.title_key,
           greatest(word_similarity(%(text)s, i.title), similarity(i.title, %(text)s))
           * (1 + 0.001 * ln(1 + i.popularity)) AS score
    FROM content_item i
    WHERE (i.title %% %(text)s OR %(text)s <%% i.title) AND {condition}
"""


def find_matches(query: Query, *, limit: int) -> list[str]:
    arguments = {
        "query": _make_tsquery(query.chunks, is_prefix=True),
        "whole": _make_tsquery(query.chunks, is_prefix=False),
        "weights": _WEIGHTS,
    }
    return _find(_WORDS, query, limit, arguments)


def find_similar_titles(query: Query, *, limit: int) -> list[str]:
    return _find(_SIMILAR, query, limit, {})


def _make_tsquery(chunks: Sequence[Sequence[str]], *, is_prefix: bool) -> str:
    """Return the query for all chunks. The words of a chunk may also be written as one word."""
    marks = [""] * (len(chunks) - 1) + [":*" if is_prefix else ""]
    return " & ".join(_make_chunk(words, mark) for words, mark in zip(chunks, marks, strict=True))


def _make_chunk(words: Sequence[str], mark: str) -> str:
    separate = " & ".join(f"'{word}'" for word in words) + mark
    return separate if len(words) == 1 else f"(({separate}) | '{''.join(words)}'{mark})"


def _find(matches: str, query: Query, limit: int, arguments: dict[str, str]) -> list[str]:
    shared = {**make_arguments(query, limit), "text": " ".join(query.words)}
    with connection.cursor() as cursor:
        cursor.execute(make_statement(matches, query), {**shared, **arguments})
        return [row[0] for row in cursor.fetchall()]
