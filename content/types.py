"""What content tells other apps: plain values, no models."""

from typing import Final, NamedTuple

ITEM_ID_LENGTH: Final = 64
ITEM_ID_PATTERN: Final = r"^[^\s\x00-\x1f\x7f]{1,64}\Z"

CONTENT_TYPES: Final = (
    "trailer",
    "teaser",
    "clip",
    "bts",
    "interview",
    "featurette",
    "short",
    "image",
    "community",
)
MEDIA_TYPES: Final = ("movie", "tv")
YEARS: Final = (1870, 2200)  # the first and the last year in which anything can have come out


class Facts(NamedTuple):
    """The few bytes of a published item that filters and ranker need.

    `genres` are slugs, the primary one first; `tmdb_rating` is 0 to 10; `released_day` is a day
    number since 1970-01-01 (negative before it); `published_at` is epoch seconds;
    `staff_boost` is staff's, -10 to 10.
    """

    id: str
    title: str
    genres: tuple[str, ...]
    popularity: float
    tmdb_rating: float
    tmdb_votes: int
    released_day: int | None
    published_at: int
    staff_boost: int
    hidden: bool

    @property
    def primary_genre(self) -> str | None:
        return self.genres[0] if self.genres else None


class Counts(NamedTuple):
    """How often people liked, viewed and shared an item, as its card tells."""

    likes: int
    views: int
    shares: int


def title_key(item_id: str, media_type: str | None, tmdb_id: int | None) -> str:
    """`movie:603`; TMDB numbers films and series apart. An item without both is a title of its own."""
    if media_type and tmdb_id:
        return f"{media_type}:{tmdb_id}"
    return f"item:{item_id}"
