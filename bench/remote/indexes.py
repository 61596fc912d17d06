"""Rebuilding the indexes, and the floor of it."""

import resource
import sys
import time
from typing import Any

from django.db import connection
from django.utils import timezone

from core.redis.client import state_redis
from feed import indexes
from feed.services import builds

_BATCH = 2_000
_ITEMS = """
    SELECT id, popularity, vote_average, vote_count, release_date, release_year, published_at, staff_boost
    FROM content_item WHERE status = 'published' AND NOT hidden AND id > %s ORDER BY id LIMIT %s
"""
_LINKS = """
    SELECT item_id, genre_id FROM content_itemgenre WHERE item_id > %s AND item_id <= %s ORDER BY item_id, position
"""


def rebuild() -> dict[str, float]:
    """Seconds, this process's peak memory in MB, and the span of time.monotonic() in which the readers switch."""
    switched: list[float] = []
    point_to = indexes.point_to

    def timed(pointer: indexes.Current) -> None:
        switched.append(time.monotonic())
        point_to(pointer)

    indexes.point_to = timed
    try:
        begun = time.monotonic()
        build = builds.rebuild(now=timezone.now(), accept=True)
        ended = time.monotonic()
    finally:
        indexes.point_to = point_to
    if build.outcome != "published":
        raise RuntimeError(f"the rebuild was {build.outcome}: {build.detail}")
    return {"seconds": ended - begun, "peak_mb": _peak_mb(), "publish": switched[0], "end": ended}


def rebuild_floor() -> float:
    """Seconds to read the same rows bare, and to ZADD each under its indexes in pipelines."""
    begun, last = time.monotonic(), ""
    while batch := _read(last):
        rows, links = batch
        last = rows[-1][0]
        _write(rows, links)
    spent = time.monotonic() - begun
    _delete_keys()
    return spent


def _read(last: str) -> tuple[list[Any], list[Any]] | None:
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS, [last, _BATCH])
        rows = cursor.fetchall()
        if not rows:
            return None
        cursor.execute(_LINKS, [last, rows[-1][0]])
        return rows, cursor.fetchall()


def _write(rows: list[Any], links: list[Any]) -> None:
    scores = {row[0]: row[1] for row in rows}
    by_genre: dict[int, dict[str, float]] = {}
    for item, genre in links:
        by_genre.setdefault(genre, {})[item] = scores[item]
    pipe = state_redis().pipeline()
    pipe.zadd("bench:idx:all", scores)
    for genre, entries in by_genre.items():
        pipe.zadd(f"bench:idx:{genre}", entries)
    pipe.execute()


def _delete_keys() -> None:
    names = list(state_redis().scan_iter("bench:idx:*", count=1_000))
    state_redis().unlink(*names)


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
