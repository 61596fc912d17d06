"""Timelines: what the people whom a viewer follows did, grouped by title."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from redis.client import Pipeline

from activity import keys, timeline_cache, undone, unfollowed
from activity.services import names
from activity.store import get_store
from activity.types import MAX_PULLED_AUTHORS, Activity, Profile, TimelineEntry, TimelineRow
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.script import Script

LOAD_LIMIT: Final = 100  # rows read from the store for a timeline that is not cached
MAX_PULL_ACTIVITIES: Final = 100  # rows of a pull-delivered account that plans merge
MAX_REFRESH_ATTEMPTS: Final = 5

# KEYS: pull activities. ARGV: 1 to keep a list with the same stamp, TTL, stamp, its score, member, score …
_SET_PULL_ACTIVITIES = Script("""
if ARGV[1] == '1' and redis.call('ZSCORE', KEYS[1], ARGV[3]) then return end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
""")


def read(viewer: Profile) -> Read[list[TimelineEntry]]:
    """Return a read of the viewer's timeline, with the activities of the pull-delivered accounts that they follow.

    The value is the entries, newest first, without blocked and unfollowed people and without undone activities.
    Accessing it costs nothing when all is cached. A cold timeline costs 1 store call (100 documents at most) and 3
    round trips; the cold list of an account 1 store call and 1 round trip. Raises StoreUnavailable.
    """
    pulled = [keys.PULL_ACTIVITIES.name(viewer=author) for author in viewer.pull_list[:MAX_PULLED_AUTHORS]]
    # What is hidden first: it is shown again after the rows are removed.
    hidden, left = undone.read(), unfollowed.read(viewer.uid)
    rows = timeline_cache.read(timeline_cache.key(viewer.uid), *pulled)

    def queue(pipe: Pipeline) -> None:
        hidden.queue(pipe)
        left.queue(pipe)
        rows.queue(pipe)

    def decode(entries: Any, authors: Any, *replies: Any) -> list[TimelineEntry]:
        own, *others = rows.decode(*replies)
        merged = _merge(viewer, own, others)
        excluded, undone_activities = viewer.blocked_uids | left.decode(authors), hidden.decode(entries)
        return group_by_title(
            row for row in merged if row.author not in excluded and not undone_activities.hides(row)
        )

    return Read(queue, decode)


def _merge(
    viewer: Profile,
    own: list[TimelineRow] | None,
    pulled: Sequence[list[TimelineRow] | None],
) -> list[TimelineRow]:
    """Return the rows of the viewer's timeline and of pull-delivered accounts.

    Rows that such an account pushed before are ignored: its own list is newer, and beyond MAX_PULLED_AUTHORS such
    accounts nothing removes a row that was undone.
    """
    rows = own if own is not None else _load(viewer.uid)
    pull_list = set(viewer.pull_list)
    merged = [row for row in rows if row.author not in pull_list]
    for author, activities in zip(viewer.pull_list[:MAX_PULLED_AUTHORS], pulled, strict=True):
        merged += activities if activities is not None else _load_pull_activities(author)
    return merged


def group_by_title(rows: Iterable[TimelineRow]) -> list[TimelineEntry]:
    """Group rows into one entry per title: supporters newest first, entries by their newest supporter."""
    by_title = sorted(rows, key=lambda row: (row.title, -row.at, row.author))
    entries = [
        TimelineEntry(title, tuple(supporters))
        for title, supporters in groupby(by_title, lambda row: row.title)
    ]
    return sorted(entries, key=lambda entry: (-entry.at, entry.title))


def make_row(activity: Activity, name: names.Name) -> TimelineRow:
    """Return the timeline row of an activity; `name` is the author's name and picture."""
    relation = activity.relation
    return TimelineRow(
        author=activity.uid,
        title=activity.title,
        at=activity.at,
        status=relation.status,
        favorite=relation.favorite,
        rating=relation.rating,
        author_name=name[0],
        author_picture=name[1],
    )


def refresh_pull_activities(author: str) -> None:
    """Replace a pull-delivered account's list with the store's, again if it changed meanwhile.

    Cost: 2 store calls (100 documents each), 1 round trip. Raises StoreUnavailable, and RuntimeError if the
    activities changed on every attempt.
    """
    before: list[TimelineRow] | None = None
    for _ in range(MAX_REFRESH_ATTEMPTS):
        rows = _get_pull_rows(author)
        if rows == before:
            return
        _set_pull_activities(author, rows, only_if_missing=False)
        before = rows
    raise RuntimeError(f"the activities of {author} changed on every attempt to refresh their list")


def _load(uid: str) -> list[TimelineRow]:
    rows = timeline_cache.load(uid, lambda: get_store().get_timeline(uid, limit=LOAD_LIMIT), limit=LOAD_LIMIT)
    names.cache_names_from_rows(rows)
    return rows


def _load_pull_activities(author: str) -> list[TimelineRow]:
    """Return an account's rows from the store for a reader. A list that a task cached meanwhile is newer and stays."""
    rows = _get_pull_rows(author)
    _set_pull_activities(author, rows, only_if_missing=True)
    return rows


def _get_pull_rows(author: str) -> list[TimelineRow]:
    activities = get_store().get_activities(author, limit=MAX_PULL_ACTIVITIES)
    return [make_row(activity, (None, None)) for activity in activities]


def _set_pull_activities(author: str, rows: Sequence[TimelineRow], *, only_if_missing: bool) -> None:
    stamp = (timeline_cache.make_stamp(), timeline_cache.STAMP_SCORE)
    args: list[Any] = [int(only_if_missing), keys.PULL_ACTIVITIES.ttl, *stamp, "", 0]
    for row in rows:
        args += timeline_cache.encode_row(row)
    _SET_PULL_ACTIVITIES.run(state_redis(), keys=[keys.PULL_ACTIVITIES.name(viewer=author)], args=args)
