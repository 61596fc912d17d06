"""SQL that both databases share. It contains only text of this package; user input is passed as arguments."""

from typing import Final

from content.search.query import Query, Scope

CANDIDATES_PER_RESULT: Final = 5  # several items may belong to one title

_CONDITIONS: Final[dict[Scope, str]] = {
    "titles": "i.status = 'published' AND i.tmdb_id IS NOT NULL",
    "items": "i.status = 'published'",
    "catalogue": "i.status IS NOT NULL",
}
# The item that stands for a title: one that phones can show, a trailer, the newest.
_ITEM_OF_TITLE: Final = """(
    SELECT j.id FROM content_item j WHERE j.title_key = found AND j.status = 'published'
    ORDER BY
        CASE WHEN j.youtube_key <> '' OR (j.content_type = 'image' AND j.image_url <> '') THEN 0 ELSE 1 END,
        CASE WHEN j.content_type = 'trailer' THEN 0 ELSE 1 END, j.published_at DESC, j.id
    LIMIT 1)"""
# Items of a genre, most popular first, alternate with the matches of the words.
_FIND: Final = """
    WITH matches AS MATERIALIZED ({matches} ORDER BY score DESC, id LIMIT %(candidates)s),
    of_genre AS MATERIALIZED (
        SELECT i.id, i.title_key, i.popularity AS score
        FROM content_genrealias a
        JOIN content_itemgenre g ON g.genre_id = a.genre_id JOIN content_item i ON i.id = g.item_id
        WHERE a.key = %(genre_key)s AND {condition}
        ORDER BY i.popularity DESC, i.id LIMIT %(candidates)s
    ),
    places AS (
        SELECT {key} AS found, 2 * row_number() OVER (ORDER BY max(score) DESC, min(id)) AS place
        FROM matches GROUP BY {key}
        UNION ALL
        SELECT {key}, 2 * row_number() OVER (ORDER BY max(score) DESC, min(id)) + 1 FROM of_genre GROUP BY {key}
    ),
    results AS (
        SELECT found, min(place) AS place FROM places GROUP BY found ORDER BY min(place) LIMIT %(limit)s
    )
    SELECT {result} FROM results ORDER BY place
"""


def make_statement(matches: str, query: Query) -> str:
    """Return the statement that finds ids. `matches` selects `id`, `title_key` and `score`; higher scores are better.

    It has the arguments of `make_arguments`, and those of `matches`.
    """
    condition = make_condition(query)
    return _FIND.format(
        matches=matches.format(condition=condition),
        condition=condition,
        key=get_key_column(query),
        result=get_result_column(query),
    )


def make_arguments(query: Query, limit: int) -> dict[str, str | int | None]:
    return {
        "genre_key": query.genre_key,
        "media_type": query.media_type,
        "limit": limit,
        "candidates": limit * CANDIDATES_PER_RESULT,
    }


def make_condition(query: Query) -> str:
    """Return the condition for the items `i` that the query may find."""
    media_type = "(CAST(%(media_type)s AS text) IS NULL OR i.media_type = %(media_type)s)"
    return f"{_CONDITIONS[query.scope]} AND {media_type}"


def get_key_column(query: Query) -> str:
    """Return the column of which each value is found once."""
    return "title_key" if query.scope == "titles" else "id"


def get_result_column(query: Query) -> str:
    """Return the id of the item for a value `found` of the key column."""
    return _ITEM_OF_TITLE if query.scope == "titles" else "found"
