"""The catalogue of the simulation: sixteen trailers of two genres each, with cards and indexes."""

from content.models import Item, ItemGenre
from content.services import cards, genres
from content.types import title_key
from core.times import to_datetime
from feed.services import builds
from soak.simulation.clock import START
from soak.simulation.steps import ITEMS

GENRES = ("Drama", "Comedy", "Thriller")


def create_catalogue() -> None:
    """Write the catalogue to SQL, and its cards and indexes to Redis."""
    rows = [genres.ensure_genre(name) for name in GENRES]
    items = [
        Item(
            id=item,
            title=f"Film {number}",
            content_type="trailer",
            status=Item.Status.PUBLISHED,
            published_at=to_datetime(START),
            media_type="movie",
            tmdb_id=1_000 + number,
            title_key=title_key("", "movie", 1_000 + number),
            popularity=1_000.0 / (number + 1),
        )
        for number, item in enumerate(ITEMS)
    ]
    Item.objects.bulk_create(items)
    ItemGenre.objects.bulk_create(
        ItemGenre(item=item, genre=rows[(number + position) % len(rows)], position=position)
        for number, item in enumerate(items)
        for position in (0, 1)
    )
    cards.write_stale_cards()
    builds.rebuild_indexes(now=to_datetime(START))
