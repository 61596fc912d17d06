"""The payloads of cards and facts in Redis.

A card is the JSON object that the phone reads. Facts are a JSON list, to save memory. Both are stored with
the item's version (see `core.redis.versioned`); ids that are not in the catalogue have version 0.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import orjson

from content.models import Item
from content.types import Facts
from core.codecs import convert_items, load_json

_EPOCH: Final = date(1970, 1, 1).toordinal()
_CARD_PREFIX: Final = b'{"id":"'
TOMBSTONE: Final = b""  # the payload of an item that is not published

# The columns of Item that `make_facts_from_row` needs.
FACTS_COLUMNS: Final = (
    *("id", "title_key", "popularity", "vote_average", "vote_count", "release_date", "release_year"),
    *("published_at", "created_at", "staff_boost", "hidden"),
)

# JSON keys and the columns whose values they have. `genres` is added to them.
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
    """Return the item's JSON. `item_genres__genre` should be prefetched."""
    body: dict[str, Any] = {key: getattr(item, column) for key, column in WIRE_COLUMNS}
    body["genres"] = [link.genre.name for link in item.item_genres.all()]
    return orjson.dumps(body)


def make_facts(item: Item) -> Facts:
    """Return the facts of an item. `item_genres__genre` should be prefetched."""
    slugs = [link.genre.slug for link in item.item_genres.all()]
    return make_facts_from_row([getattr(item, column) for column in FACTS_COLUMNS], slugs)


def make_facts_from_row(values: Sequence[Any], slugs: Iterable[str]) -> Facts:
    """Return facts, given the values of FACTS_COLUMNS and the slugs of the genres in order."""
    item_id, title_key, popularity, rating, votes, release_date, year, published, created, boost, hidden = (
        values
    )
    return Facts(
        id=item_id,
        title=title_key,
        genres=tuple(slugs),
        popularity=popularity,
        tmdb_rating=rating or 0.0,
        tmdb_votes=votes,
        released_day=_get_release_day(release_date, year),
        published_at=int((published or created).timestamp()),
        staff_boost=boost,
        hidden=hidden,
    )


def _get_release_day(release_date: date | None, year: int | None) -> int | None:
    """Return the day of release. Items with only a year count as released on 1 July."""
    if release_date is not None:
        return release_date.toordinal() - _EPOCH
    if year is not None:
        return date(year, 7, 1).toordinal() - _EPOCH
    return None


def pack_facts(facts: Facts) -> bytes:
    """Return the values of all fields but the id, in their order."""
    return orjson.dumps(facts[1:])


def unpack_facts(item_id: str, payload: bytes) -> Facts | None:
    """Return an item's facts, None if they are unreadable."""
    return convert_items(Facts, load_json(payload), item_id)


def unpack_card(_item_id: str, payload: bytes) -> bytes | None:
    """Return a card unchanged, None if it is unreadable.

    Pages splice cards into their JSON, so a card must be an object. One that looks as `render_card` makes it is not
    parsed, because every page reads cards.
    """
    if not payload.startswith(b"{") or not payload.endswith(b"}"):
        return None
    return payload if payload.startswith(_CARD_PREFIX) or get_title(payload) is not None else None


def get_title(card: bytes) -> str | None:
    """Return the title of a card, None if it has none."""
    body = load_json(card)
    title = body.get("title") if type(body) is dict else None
    return title if type(title) is str else None
