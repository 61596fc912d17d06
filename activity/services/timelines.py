"""A viewer's own timeline: what the people they follow did, grouped by title."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import orjson

from activity.store import store
from activity.types import TimelineEntry, TimelineRow
from finishd.lib import keys
from finishd.lib.redis import store as redis

HOT_ROWS = 100  # rows of the durable query that the hot copy holds


def key(uid: str) -> str:
    """The Redis key to read in one's own pipeline; give the answer to `take`."""
    return keys.TIMELINE.of(viewer=uid)


def take(uid: str, raw: bytes | None, *, unwanted: frozenset[str]) -> list[TimelineEntry]:
    """Entries newest first, without the `unwanted` people, from what Redis answered; cold ones from the store.

    Cost: none when warm; cold 1 store call (100 documents at most) and 1 wait. Raises StoreUnavailable.
    """
    rows = [_unpacked(value) for value in orjson.loads(raw)] if raw is not None else _load(uid)
    return group(row for row in rows if row.actor not in unwanted)


def group(rows: Iterable[TimelineRow]) -> list[TimelineEntry]:
    """Rows into entries: one a title, its supporters newest first, entries by their newest supporter."""
    by_title = sorted(rows, key=lambda row: (row.title, -row.at, row.actor))
    entries = [
        TimelineEntry(title, tuple(supporters))
        for title, supporters in groupby(by_title, lambda row: row.title)
    ]
    return sorted(entries, key=lambda entry: (-entry.at, entry.title))


def deliver(uid: str, rows: Sequence[TimelineRow]) -> None:
    """Put rows on a viewer's timeline. Idempotent. Cost: 1 store call, 1 wait. Raises StoreUnavailable."""
    store().deliver(uid, rows)
    redis().unlink(key(uid))


def _load(uid: str) -> list[TimelineRow]:
    rows = store().timeline(uid, limit=HOT_ROWS)
    redis().set(key(uid), orjson.dumps([_packed(row) for row in rows]), ex=keys.TIMELINE.ttl)
    return rows


def _packed(row: TimelineRow) -> list[object]:
    return [
        row.actor,
        row.title,
        row.at,
        row.status,
        row.favorite,
        row.rating,
        row.actor_name,
        row.actor_picture,
    ]


def _unpacked(values: list[object]) -> TimelineRow:
    return TimelineRow(*values)  # type: ignore[arg-type]
