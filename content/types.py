"""Plain values that other apps may use."""

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
YEARS: Final = (1870, 2200)  # the first and the last possible year of a release


class Facts(NamedTuple):
    """The values of a published item that filters and ranking need.

    `title` is the title key. `genres` are slugs, the primary genre first. `popularity` is that of TMDB, 0 or
    higher. `tmdb_rating` is 0 to 10. `released_day` is the number of days since 1970-01-01, negative for
    earlier dates. `published_at` is in epoch seconds. `staff_boost` is -10 to 10.
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
    """Numbers of likes, views and shares of an item, as its card shows them."""

    likes: int
    views: int
    shares: int


def title_key(item_id: str, media_type: str | None, tmdb_id: int | None) -> str:
    """Return the title key, for example `movie:603`. Films and series have separate ids at TMDB.

    An item without media type or TMDB id is a title of its own: `item:<id>`.
    """
    if media_type and tmdb_id:
        return f"{media_type}:{tmdb_id}"
    return f"item:{item_id}"
