"""The seeded data of a world: the same numbers give the same rows, every time."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from activity import timeline_cache
from activity.services import names, presence, profiles
from activity.store import get_store
from bench import naming
from bench.inside import bulk
from content.services import genres
from core.auth import devkeys

TOKEN_SECONDS: Final = 3_600.0
_GENRES_USED: Final = 19
_OVERVIEW: Final = (
    "A quiet town, a letter that comes forty years too late, and two people who have to find out what it changes. "
    "What begins as a favour becomes a search through three countries, and then through what they told themselves. "
)
ITEM: Final = (
    *(
        "id",
        "content_type",
        "status",
        "title",
        "tmdb_id",
        "media_type",
        "title_key",
        "overview",
        "poster_path",
    ),
    *(
        "backdrop_path",
        "youtube_key",
        "video_name",
        "video_type",
        "release_date",
        "vote_average",
        "vote_count",
    ),
    *("popularity", "staff_boost", "hidden", "published_at", "created_at", "updated_at", "version"),
    "card_version",
)
LINK: Final = ("item_id", "genre_id", "position")
_ROW: Final = ("viewer", "actor", "title", "at", "status", "favorite", "actor_name")
_PERSON: Final = (
    *("uid", "name", "genres", "likings", "finished", "blocked", "blocked_by", "pulled", "preferences"),
    *("learned", "learned_at", "skipped", "applied"),
    *("following", "reach", "active_at", "choice_version", "version", "created_at", "updated_at"),
)


def migrate() -> None:
    call_command("migrate", verbosity=0)


def keys() -> None:
    """The development key that tokens are signed with and the server verifies by."""
    devkeys.ensure_keys(Path(settings.FIREBASE_KEYS_FILE).parent)


def tokens(uids: list[str]) -> list[str]:
    folder, now = Path(settings.FIREBASE_KEYS_FILE).parent, time.time()
    project = settings.FIREBASE_PROJECT_ID
    return [
        devkeys.sign_token(folder, uid=uid, project=project, now=now, lifetime=TOKEN_SECONDS) for uid in uids
    ]


def items(count: int) -> float:
    """Published items with two genres each, and nothing dirty; the seconds it took.

    PostgreSQL's search goes first: nothing here searches, and a million texts would take it minutes. So do the checks
    that each link's item is there.
    """
    begun = time.monotonic()
    if connection.vendor == "postgresql":
        bulk.run(
            "DROP INDEX IF EXISTS item_search_words",
            "DROP INDEX IF EXISTS item_search_title",
            "ALTER TABLE content_item ALTER COLUMN search_words DROP EXPRESSION",
            "ALTER TABLE content_itemgenre DISABLE TRIGGER ALL",
        )
    now = datetime.now(UTC)
    bulk.insert("content_item", ITEM, item_rows(count, now=now))
    bulk.insert("content_itemgenre", LINK, link_rows(count))
    bulk.run("ANALYZE")
    return time.monotonic() - begun


def item_rows(count: int, *, now: datetime) -> Iterator[tuple[Any, ...]]:
    oldest = date(1975, 1, 1)
    for number in range(1, count + 1):
        yield (
            *(naming.item_id(number), "trailer", "published", f"The Letter, Part {number}", number, "movie"),
            *(naming.title_of(number), _OVERVIEW, f"/{number:027d}.jpg", f"/{number * 7:027d}.jpg"),
            *(f"yt{number:09d}", f"The Letter, Part {number}: official trailer", "Trailer"),
            oldest + timedelta(days=number * 7_919 % 18_000),
            (number * 104_729 % 100) / 10,
            number * 15_485_863 % 5_000,
            (number * 32_452_843 % 50_000) / 100,
            *(0, False, now - timedelta(minutes=number * 613 % 500_000), now, now, 1, 1),
        )


def link_rows(count: int) -> Iterator[tuple[str, int, int]]:
    """Two different genres for each item."""
    # Asked before the first row is: a connection that copies answers nothing else.
    return _links(count, _genre_pks())


def _links(count: int, known: list[int]) -> Iterator[tuple[str, int, int]]:
    for number in range(1, count + 1):
        first = number * 31 % _GENRES_USED
        second = (first + 1 + number // _GENRES_USED % (_GENRES_USED - 1)) % _GENRES_USED
        yield naming.item_id(number), known[first], 0
        yield naming.item_id(number), known[second], 1


def people(followees: list[int], viewers: int, items: int) -> float:
    """Actors with deeds, and for each number of followees viewers whose timelines stand in SQL; seconds."""
    begun = time.monotonic()
    now = int(time.time())
    most = min(max(followees), naming.ACTORS)
    slugs = list(genres.get_names_by_slug())[:_GENRES_USED]
    bulk.insert("activity_person", _PERSON, _persons(followees, viewers, slugs, now=now, actors=most))
    edges = (
        (naming.viewer(number, place), naming.actor(actor), now - actor)
        for number in followees
        for place in range(viewers)
        for actor in range(number)
    )
    bulk.insert("activity_follow", ("follower", "followee", "at"), edges)
    rows = (
        (naming.viewer(number, place), *row)
        for number in followees
        for place in range(viewers)
        for row in _deeds(number, items, now=now)
    )
    bulk.insert("activity_delivery", _ROW, rows)
    return time.monotonic() - begun


def warm(uids: list[str]) -> None:
    """As after a while of use: full timelines, profiles and presence in Redis, through the services."""
    for uid in uids:
        read = partial(get_store().timeline, uid, limit=timeline_cache.MAX_ROWS)
        rows = timeline_cache.load(uid, read, limit=timeline_cache.MAX_ROWS)
        names.cache_names_from_rows(rows)
        profiles.get(uid)
        presence.mark_active(uid)


def _deeds(followees: int, items: int, *, now: int) -> Iterator[tuple[Any, ...]]:
    """The newest rows of somebody who follows the first so many actors: everybody's first deed, then their second."""
    newest = [(deed, actor) for deed in range(naming.DEEDS) for actor in range(followees)][
        : timeline_cache.MAX_ROWS
    ]
    titles = min(naming.TITLES, items)
    seen: set[tuple[int, int]] = set()
    for deed, actor in newest:
        title = (actor * 31 + deed * 17) % titles + 1
        if (actor, title) in seen:
            continue
        seen.add((actor, title))
        at = now - 30 * (deed * naming.ACTORS + actor) - 60
        name = f"Friend {actor}"
        yield naming.actor(actor), naming.title_of(title), at, "finished", deed % 2 == 0, name


def _persons(
    followees: list[int], viewers: int, slugs: list[str], *, now: int, actors: int
) -> Iterator[tuple[Any, ...]]:
    moment = datetime.fromtimestamp(now, UTC)
    nobody = ("[]", "[]", "[]", "{}", "{}", 0, "{}", "{}")
    tail = ("pushed", now, 1, 1, moment, moment)
    for number in range(actors):
        yield naming.actor(number), f"Friend {number}", "[]", "{}", "[]", *nobody, 0, *tail
    for number in followees:
        for place in range(viewers):
            chosen = [slugs[(place * 5 + step) % len(slugs)] for step in (0, 3, 7)]
            likings = {slug: 1.5 + step for step, slug in enumerate(chosen)}
            finished = [naming.title_of(1 + (place * 97 + step * 13) % 1_000) for step in range(50)]
            values = (json.dumps(chosen), json.dumps(likings), json.dumps(finished))
            yield naming.viewer(number, place), f"Viewer {place}", *values, *nobody, number, *tail


def _genre_pks() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM content_genre ORDER BY id")
        return [pk for (pk,) in cursor.fetchall()][:_GENRES_USED]
