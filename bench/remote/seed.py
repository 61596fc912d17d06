"""Seeded data. The same arguments give the same rows in every run."""

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
from activity.services import names as people_names
from activity.services import presence, profiles
from activity.store import get_store
from bench import names
from bench.remote import bulk
from content.services import genres
from core.auth import devkeys

TOKEN_SECONDS: Final = 3_600.0
_GENRES: Final = 19  # Genres that seeded items have.
_OVERVIEW: Final = (
    "A quiet town, a letter that comes forty years too late, and two people who have to find out what it changes. "
    "What begins as a favour becomes a search through three countries, and then through what they told themselves. "
)
ITEM_COLUMNS: Final = (
    *("id", "content_type", "status", "title", "tmdb_id", "media_type"),
    *("title_key", "overview", "poster_path", "backdrop_path"),
    *("youtube_key", "video_name", "video_type"),
    "release_date",
    "vote_average",
    "vote_count",
    "popularity",
    *("staff_boost", "hidden", "published_at", "created_at", "updated_at", "version", "card_version"),
)
LINK_COLUMNS: Final = ("item_id", "genre_id", "position")
_TIMELINE_COLUMNS: Final = ("viewer", "author", "title", "at", "status", "favorite", "author_name")
_PERSON_COLUMNS: Final = (
    *("uid", "name", "genres", "title_affinity_sums", "finished"),
    *(
        "blocked",
        "blocked_by",
        "pull_list",
        "preferences",
        "event_affinity_sums",
        "event_affinity_at",
        "skipped",
        "stream_positions",
    ),
    "following_count",
    *("reach", "active_at", "choice_version", "version", "created_at", "updated_at"),
)


def migrate() -> None:
    call_command("migrate", verbosity=0)


def create_keys() -> None:
    """Create the development key, which signs tokens and which the server accepts."""
    devkeys.ensure_keys(Path(settings.FIREBASE_KEYS_FILE).parent)


def sign_tokens(uids: list[str]) -> list[str]:
    folder, now = Path(settings.FIREBASE_KEYS_FILE).parent, time.time()
    project = settings.FIREBASE_PROJECT_ID
    return [
        devkeys.sign_token(folder, uid=uid, project=project, now=now, lifetime=TOKEN_SECONDS) for uid in uids
    ]


def seed_items(count: int) -> float:
    """Insert published items with two genres each and up-to-date card versions. Return the seconds.

    On PostgreSQL this first removes the search columns and the foreign key checks: no measurement searches, and both
    would take minutes for a million items.
    """
    start = time.monotonic()
    if connection.vendor == "postgresql":
        bulk.execute(
            "DROP INDEX IF EXISTS item_search_words",
            "DROP INDEX IF EXISTS item_search_title",
            "ALTER TABLE content_item ALTER COLUMN search_words DROP EXPRESSION",
            "ALTER TABLE content_itemgenre DISABLE TRIGGER ALL",
        )
    now = datetime.now(UTC)
    bulk.insert_rows("content_item", ITEM_COLUMNS, item_rows(count, now=now))
    bulk.insert_rows("content_itemgenre", LINK_COLUMNS, link_rows(count))
    bulk.execute("ANALYZE")
    return time.monotonic() - start


def item_rows(count: int, *, now: datetime) -> Iterator[tuple[Any, ...]]:
    oldest = date(1975, 1, 1)
    for number in range(1, count + 1):
        yield (
            *(names.item_id(number), "trailer", "published", f"The Letter, Part {number}", number, "movie"),
            *(names.title_key(number), _OVERVIEW, f"/{number:027d}.jpg", f"/{number * 7:027d}.jpg"),
            *(f"yt{number:09d}", f"The Letter, Part {number}: official trailer", "Trailer"),
            oldest + timedelta(days=number * 7_919 % 18_000),
            (number * 104_729 % 100) / 10,
            number * 15_485_863 % 5_000,
            (number * 32_452_843 % 50_000) / 100,
            *(0, False, now - timedelta(minutes=number * 613 % 500_000), now, now, 1, 1),
        )


def link_rows(count: int) -> Iterator[tuple[str, int, int]]:
    """Return rows with two different genres for each item."""
    # The query comes before the first row, because a connection cannot run queries during COPY.
    return _make_links(count, _get_genre_pks())


def _make_links(count: int, genre_pks: list[int]) -> Iterator[tuple[str, int, int]]:
    for number in range(1, count + 1):
        first = number * 31 % _GENRES
        second = (first + 1 + number // _GENRES % (_GENRES - 1)) % _GENRES
        yield names.item_id(number), genre_pks[first], 0
        yield names.item_id(number), genre_pks[second], 1


def seed_people(followees: list[int], viewers: int, items: int) -> float:
    """Insert authors, and `viewers` viewers with durable timelines for each number of followees.

    Return the seconds.
    """
    start = time.monotonic()
    now = int(time.time())
    authors = min(max(followees), names.AUTHORS)
    slugs = list(genres.get_names_by_slug())[:_GENRES]
    people = _person_rows(followees, viewers, slugs, now=now, authors=authors)
    bulk.insert_rows("activity_person", _PERSON_COLUMNS, people)
    edges = (
        (names.viewer(number, index), names.author(author), now - author)
        for number in followees
        for index in range(viewers)
        for author in range(number)
    )
    bulk.insert_rows("activity_follow", ("follower", "followee", "at"), edges)
    rows = (
        (names.viewer(number, index), *row)
        for number in followees
        for index in range(viewers)
        for row in _timeline_rows(number, items, now=now)
    )
    bulk.insert_rows("activity_timelinerow", _TIMELINE_COLUMNS, rows)
    return time.monotonic() - start


def warm_caches(uids: list[str]) -> None:
    """Load timelines, names and profiles into Redis, and mark these people as active, through the services."""
    for uid in uids:
        read = partial(get_store().get_timeline, uid, limit=timeline_cache.MAX_ROWS)
        rows = timeline_cache.load(uid, read, limit=timeline_cache.MAX_ROWS)
        people_names.cache_names_from_rows(rows)
        profiles.get(uid)
        presence.mark_active(uid)


def _timeline_rows(followees: int, items: int, *, now: int) -> Iterator[tuple[Any, ...]]:
    """Return the newest rows of a viewer who follows the first authors.

    The first activity of every author comes before the second activity of any author.
    """
    activities = (
        (number, author) for number in range(names.ACTIVITIES_PER_AUTHOR) for author in range(followees)
    )
    newest = list(activities)[: timeline_cache.MAX_ROWS]
    titles = min(names.TITLES, items)
    seen: set[tuple[int, int]] = set()
    for number, author in newest:
        title = (author * 31 + number * 17) % titles + 1
        if (author, title) in seen:
            continue
        seen.add((author, title))
        at = now - 30 * (number * names.AUTHORS + author) - 60
        name = f"Friend {author}"
        yield names.author(author), names.title_key(title), at, "finished", number % 2 == 0, name


def _person_rows(
    followees: list[int], viewers: int, slugs: list[str], *, now: int, authors: int
) -> Iterator[tuple[Any, ...]]:
    moment = datetime.fromtimestamp(now, UTC)
    no_relations = ("[]", "[]", "[]", "{}", "{}", 0, "{}", "{}")
    end = ("push", now, 1, 1, moment, moment)
    for number in range(authors):
        yield names.author(number), f"Friend {number}", "[]", "{}", "[]", *no_relations, 0, *end
    for number in followees:
        for index in range(viewers):
            chosen = [slugs[(index * 5 + step) % len(slugs)] for step in (0, 3, 7)]
            affinity_gains = {slug: 1.5 + step for step, slug in enumerate(chosen)}
            finished = [names.title_key(1 + (index * 97 + step * 13) % 1_000) for step in range(50)]
            values = (json.dumps(chosen), json.dumps(affinity_gains), json.dumps(finished))
            yield names.viewer(number, index), f"Viewer {index}", *values, *no_relations, number, *end


def _get_genre_pks() -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM content_genre ORDER BY id")
        return [pk for (pk,) in cursor.fetchall()][:_GENRES]
