"""A small catalogue, its indexes, and people with genres and friends, created through the services."""

from collections.abc import Sequence
from datetime import UTC, datetime

from activity import timeline_cache
from activity.services import backfill, names, people, preferences, presence, profiles
from activity.store import get_store
from activity.types import Relation, TimelineRow
from content.models import Genre, Item, ItemGenre
from content.services import cards, genres
from content.types import title_key
from core.redis.client import state_redis
from feed.models import IndexBuild
from feed.services import builds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
GENRES = ("Drama", "Comedy", "Thriller", "Science Fiction", "Documentary")


def catalogue(size: int, *, start: int = 0) -> list[str]:
    """Create films of two genres each, the most popular first; return their ids. Every tenth item is a clip."""
    genre_rows: list[Genre] = [genres.ensure_genre(name) for name in GENRES]
    items = []
    for number in range(start, start + size):
        clip = number % 10 == 9
        tmdb_id = 1_000 + (number - 1 if clip else number)
        items.append(
            Item(
                id=f"film-{number:04d}",
                title=f"Film {tmdb_id - 1_000}",
                content_type="clip" if clip else "trailer",
                status=Item.Status.PUBLISHED,
                published_at=NOW,
                media_type="movie",
                tmdb_id=tmdb_id,
                title_key=title_key("", "movie", tmdb_id),
                popularity=1_000.0 / (number + 1),
                vote_average=6 + number % 30 / 10,
                vote_count=500,
            )
        )
    Item.objects.bulk_create(items, batch_size=500)
    ItemGenre.objects.bulk_create(
        [
            ItemGenre(item=item, genre=genre_rows[(number + position) % len(genre_rows)], position=position)
            for number, item in enumerate(items)
            for position in (0, 1)
        ],
        batch_size=500,
    )
    cards.write_stale_cards()
    return [item.id for item in items]


def build() -> IndexBuild:
    return builds.rebuild_indexes(now=NOW)


def choose(uid: str, *names: str) -> None:
    preferences.sync(uid, genre_names=list(names))


def befriend(uid: str, numbers: range, *, author: str = "kofi", name: str = "Kofi") -> None:
    """Let the author like these films, the first one last, and the viewer follow the author. The rows are delivered."""
    now = int(NOW.timestamp())
    people.sync_name_from_token(author, name, None)
    for n in numbers:
        if n % 10 != 9:
            relation = Relation(favorite=True)
            get_store().record_relation(author, f"movie:{1_000 + n}", relation, now=now - 60 * n, due=now)
    profile, _ = get_store().follow(uid, author, now=now, due=now)
    profiles.cache_profile(profile)
    presence.mark_active(uid)
    backfill.sync_author_rows(uid, author)


def deliver(uid: str, rows: Sequence[TimelineRow]) -> None:
    """Write rows to a viewer's timeline as a delivery does, also rows of people whom they do not follow."""
    get_store().put_timeline_rows([(uid, row) for row in rows])
    names.cache_names({row.author: (row.author_name, row.author_picture) for row in rows})
    state_redis().delete(timeline_cache.key(uid))


def finish(uid: str, titles: Sequence[str]) -> None:
    """Let a person finish these titles."""
    for title in titles:
        profile = get_store().record_relation(uid, title, Relation("finished"), now=0, due=0).profile
    profiles.cache_profile(profile)
