"""Search on PostgreSQL, with the structures of migration `0002_search`.

The text search configuration `finishd` removes accents and keeps all words. The configurations of
languages drop words that are film titles, such as "It" and "Up".
"""

from typing import Final

from django.db import connection

# The weights of D (overview), C (not used), B (name and type of the video, year) and A (title).
_WEIGHTS: Final = "{0.05, 0.1, 0.25, 1.0}"

_WORDS: Final = """
    SELECT i.id
    FROM content_item i, to_tsquery('finishd', %(query)s) AS query
    WHERE i.search_words @@ query AND i.status = 'published'
      AND (%(media_type)s::text IS NULL OR i.media_type = %(media_type)s)
    ORDER BY ts_rank(%(weights)s::float4[], i.search_words, query, 1)
             * (1 + 0.25 * ln(1 + i.popularity))
             * CASE WHEN lower(i.title) = lower(%(text)s) THEN 2 ELSE 1 END DESC,
             i.id
    LIMIT %(limit)s
"""

# `%` compares with the whole title (threshold 0.3), `<%` with some of its words (threshold 0.6).
_SIMILAR: Final = """
    SELECT i.id
    FROM content_item i
    WHERE (i.title %% %(text)s OR %(text)s <%% i.title) AND i.status = 'published'
      AND (%(media_type)s::text IS NULL OR i.media_type = %(media_type)s)
    ORDER BY greatest(word_similarity(%(text)s, i.title), similarity(i.title, %(text)s)) DESC,
             i.popularity DESC, i.id
    LIMIT %(limit)s
"""


def match_words(words: list[str], *, media_type: str | None, limit: int) -> list[str]:
    query = " & ".join(f"'{word}'" for word in words) + ":*"
    return _ids(
        _WORDS,
        {
            "query": query,
            "weights": _WEIGHTS,
            "text": " ".join(words),
            "media_type": media_type,
            "limit": limit,
        },
    )


def match_similar_titles(text: str, *, media_type: str | None, limit: int) -> list[str]:
    return _ids(_SIMILAR, {"text": text, "media_type": media_type, "limit": limit})


def _ids(sql: str, arguments: dict[str, str | int | None]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        return [row[0] for row in cursor.fetchall()]
