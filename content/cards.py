"""How an item looks in Redis: its card (wire JSON) and its facts, each behind its version.

A value is `<version>|<payload>`; an empty payload is a tombstone: the item is not
published. Version 0 marks an id that the catalogue did not know a moment ago.
"""

from datetime import date
from typing import Any, Final

import orjson

from content.models import Item
from content.types import Facts

_EPOCH: Final = date(1970, 1, 1)
NOTHING: Final = b""

# The wire's names of the columns that pass through unchanged.
_PLAIN: Final = (
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


def card(item: Item) -> bytes:
    """The item as the phone reads it. Wants `item_genres__genre` prefetched."""
    body: dict[str, Any] = {wire: getattr(item, column) for wire, column in _PLAIN}
    body["genres"] = [link.genre.name for link in item.item_genres.all()]
    return orjson.dumps(body)


def facts(item: Item) -> Facts:
    """What ranking needs of a published item. Wants `item_genres__genre` prefetched."""
    published = item.published_at or item.created_at
    return Facts(
        id=item.id,
        title=item.title_key,
        genres=tuple(link.genre.slug for link in item.item_genres.all()),
        popularity=item.popularity,
        rating=item.vote_average or 0.0,
        votes=item.vote_count,
        released=_released(item),
        published_at=int(published.timestamp()),
        boost=item.staff_boost,
        hidden=item.hidden,
    )


def _released(item: Item) -> int | None:
    """A film of which only the year is known counts as of the middle of it; its card claims no date."""
    if item.release_date is not None:
        return (item.release_date - _EPOCH).days
    if item.release_year is not None:
        return (date(item.release_year, 7, 1) - _EPOCH).days
    return None


def pack_facts(value: Facts) -> bytes:
    return orjson.dumps(
        [
            value.title,
            value.genres,
            value.popularity,
            value.rating,
            value.votes,
            value.released,
            value.published_at,
            value.boost,
            value.hidden,
        ]
    )


def unpack_facts(item_id: str, payload: bytes) -> Facts:
    title, genres, *rest = orjson.loads(payload)
    return Facts(item_id, title, tuple(genres), *rest)


def sealed(version: int, payload: bytes) -> bytes:
    return b"%d|%b" % (version, payload)


def opened(value: bytes) -> bytes:
    """The payload behind the version; empty for a tombstone."""
    return value.partition(b"|")[2]
