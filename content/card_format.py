"""How an item looks in Redis: its card (wire JSON) and its facts, each behind its version.

A value is `<version>|<payload>`; an empty payload is a tombstone: the item is not
published. Version 0 marks an id that the catalogue did not know a moment ago.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import orjson

from content.models import Item
from content.types import Facts

_EPOCH: Final = date(1970, 1, 1).toordinal()
TOMBSTONE: Final = b""

# Of an item's row, what facts are made of, besides its genres.
FACTS_COLUMNS: Final = (
    *("id", "title_key", "popularity", "vote_average", "vote_count", "release_date", "release_year"),
    *("published_at", "created_at", "staff_boost", "hidden"),
)

# The wire's names of the columns that pass through unchanged.
WIRE_COLUMNS: Final = (
    ("id", "id"),
    ("contentType", "content_type"),
    ("title", "title"),
    ("tmdbId", "tmdb_id"),
    ("mediaType", "media_type"),
    ("overview", "overview"),
    ("posterPath", "poster_path"),
    ("backdropPath", "backdrop_path"),
    ("youtubeKey", "youtube_key"),
    ("videoName", "video_name"),
    ("videoType", "video_type"),
    ("thumbnailUrl", "thumbnail_url"),
    ("imageUrl", "image_url"),
    ("releaseDate", "release_date"),
    ("channelTitle", "channel_title"),
    ("description", "description"),
    ("voteAverage", "vote_average"),
    ("popularity", "popularity"),
    ("likeCount", "like_count"),
    ("viewCount", "view_count"),
    ("shareCount", "share_count"),
)


def render_card(item: Item) -> bytes:
    """The item as the phone reads it. Wants `item_genres__genre` prefetched."""
    body: dict[str, Any] = {wire: getattr(item, column) for wire, column in WIRE_COLUMNS}
    body["genres"] = [link.genre.name for link in item.item_genres.all()]
    return orjson.dumps(body)


def make_facts(item: Item) -> Facts:
    """What ranking needs of a published item. Wants `item_genres__genre` prefetched."""
    slugs = [link.genre.slug for link in item.item_genres.all()]
    return make_facts_from_row([getattr(item, column) for column in FACTS_COLUMNS], slugs)


def make_facts_from_row(values: Sequence[Any], slugs: Iterable[str]) -> Facts:
    """The same of a row's FACTS_COLUMNS and the slugs of its genres, in their order."""
    item_id, title, popularity, rating, votes, released, year, published, created, boost, hidden = values
    return Facts(
        id=item_id,
        title=title,
        genres=tuple(slugs),
        popularity=popularity,
        tmdb_rating=rating or 0.0,
        tmdb_votes=votes,
        released_day=_get_release_day(released, year),
        published_at=int((published or created).timestamp()),
        staff_boost=boost,
        hidden=hidden,
    )


def _get_release_day(day: date | None, year: int | None) -> int | None:
    """A film of which only the year is known counts as of the middle of it; its card claims no date."""
    if day is not None:
        return day.toordinal() - _EPOCH
    if year is not None:
        return date(year, 7, 1).toordinal() - _EPOCH
    return None


def pack_facts(value: Facts) -> bytes:
    return orjson.dumps(
        [
            value.title,
            value.genres,
            value.popularity,
            value.tmdb_rating,
            value.tmdb_votes,
            value.released_day,
            value.published_at,
            value.staff_boost,
            value.hidden,
        ]
    )


def unpack_facts(item_id: str, payload: bytes) -> Facts:
    title, genres, *rest = orjson.loads(payload)
    return Facts(item_id, title, tuple(genres), *rest)
