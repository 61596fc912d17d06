"""Rebuilding the indexes, and its floor."""

import resource
import sys
import time
from typing import Any

from django.db import connection
from django.utils import timezone

from core.redis.client import state_redis
from feed import indexes
from feed.services import builds

_BATCH_ITEMS = 2_000
_ITEMS = """
    SELECT id, popularity, vote_average, vote_count, release_date, release_year, published_at, staff_boost
    FROM content_item WHERE status = 'published' AND NOT hidden AND id > %s ORDER BY id LIMIT %s
"""
_LINKS = """
    SELECT item_id, genre_id FROM content_itemgenre WHERE item_id > %s AND item_id <= %s ORDER BY item_id, position
"""


def rebuild() -> dict[str, float]:
    """Rebuild the indexes.

    Return the seconds, this process's peak memory in MB, and the times of `time.monotonic()` between which the index
    pointer moves.
    """
    publish_times: list[float] = []
    publish = indexes.publish

    def record_time(pointer: indexes.IndexPointer) -> None:
        publish_times.append(time.monotonic())
        publish(pointer)

    indexes.publish = record_time
    try:
        start = time.monotonic()
        build = builds.rebuild_indexes(now=timezone.now(), accept=True)
        end = time.monotonic()
    finally:
        indexes.publish = publish
    if build.outcome != "published":
        raise RuntimeError(f"the rebuild was {build.outcome}: {build.detail}")
    return {"seconds": end - start, "peak_mb": _get_peak_mb(), "publish": publish_times[0], "end": end}


def rebuild_floor() -> float:
    """Read the same rows with plain SQL, and add each to its indexes with pipelined ZADDs. Return the seconds."""
    start, last = time.monotonic(), ""
    while batch := _read_batch(last):
        rows, links = batch
        last = rows[-1][0]
        _add_to_indexes(rows, links)
    seconds = time.monotonic() - start
    _delete_keys()
    return seconds


def _read_batch(last: str) -> tuple[list[Any], list[Any]] | None:
    with connection.cursor() as cursor:
        cursor.execute(_ITEMS, [last, _BATCH_ITEMS])
        rows = cursor.fetchall()
        if not rows:
            return None
        cursor.execute(_LINKS, [last, rows[-1][0]])
        return rows, cursor.fetchall()


def _add_to_indexes(rows: list[Any], links: list[Any]) -> None:
    scores = {row[0]: row[1] for row in rows}
    by_genre: dict[int, dict[str, float]] = {}
    for item, genre in links:
        by_genre.setdefault(genre, {})[item] = scores[item]
    pipe = state_redis().pipeline()
    pipe.zadd("bench:index:all", scores)
    for genre, entries in by_genre.items():
        pipe.zadd(f"bench:index:{genre}", entries)
    pipe.execute()


def _delete_keys() -> None:
    keys = list(state_redis().scan_iter("bench:index:*", count=1_000))
    state_redis().unlink(*keys)


def _get_peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
