"""Delivering an activity to its followers' timelines: chunk by chunk, idempotent, resumable.

A chunk writes the activity's *current* state, whatever version it was queued for, and
looks again after it wrote: if the activity or a follow changed meanwhile it mends what it
wrote. So an undo, unfollow or block that overtakes a delivery wins, and a chunk that a
killed worker left half done is simply done again.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from activity import hot
from activity.services import names, presence, reach, timelines
from activity.store import store
from activity.types import Activity, Job, Ledger

CHUNK: Final = 500
DUE_AFTER: Final = 20.0  # seconds after which beat queues unfinished work again
SETTLE_TRIES: Final = 5
ROWS_KEPT: Final = 400
TRIM_EVERY: Final = 64  # one in so many deliveries to a full timeline sweeps its surplus rows


def chunk(uid: str, title: str, version: int, *, cursor: str, now: float) -> str | None:
    """Deliver to the next CHUNK followers behind `cursor`; the next cursor, None when there is nothing more to do.

    Cost: about 6 store calls and 3 waits, whatever the chunk. Raises StoreUnavailable; doing it again is safe.
    """
    activity = store().activity(uid, title)
    if activity is None:
        return None
    newest = activity.version == version
    if newest and not cursor:
        activity = _opened(activity, now=now)
        if reach.pulls(uid, activity.ledger.followers, now=now):
            _finish(activity)
            return None
    followers = store().followers(uid, after=cursor, limit=CHUNK)
    settle(activity, presence.awake(followers))
    more = len(followers) == CHUNK
    if newest:
        done = activity.ledger.delivered + len(followers)
        ledger = replace(
            activity.ledger, delivered=done, cursor=followers[-1] if followers else cursor, last_at=now
        )
        newest = store().keep_ledger(uid, title, version, ledger)
    if newest and not more:
        _finish(activity)
    return followers[-1] if newest and more else None


def settle(activity: Activity, viewers: Sequence[str]) -> None:
    """Make these followers' timelines hold the activity as it is, also if it changes while this runs.

    Raises RuntimeError if it will not hold still; the task is then tried again.
    """
    for _ in range(SETTLE_TRIES):
        if not viewers:
            return
        _write(activity, viewers)
        linked = store().edges([(viewer, activity.uid) for viewer in viewers])
        gone = [viewer for viewer in viewers if (viewer, activity.uid) not in linked]
        if gone:
            _write(replace(activity, relation=type(activity.relation)()), gone)
        current = store().activity(activity.uid, activity.title)
        if current is None:
            _write(replace(activity, relation=type(activity.relation)()), viewers)
            return
        if current.version == activity.version:
            return
        activity = current
    raise RuntimeError(f"{activity.uid}'s activity keeps changing under its delivery")


def _write(activity: Activity, viewers: Sequence[str]) -> None:
    """Durable rows first, then the hot copies: a loader that misses the one is cancelled by the other."""
    row = timelines.row_of(activity, names.of([activity.uid])[activity.uid])
    if activity.relation.empty:
        store().drop_rows([(viewer, activity.uid, activity.title) for viewer in viewers])
    else:
        store().put_rows([(viewer, row) for viewer in viewers])
    for viewer in hot.deliver(viewers, row, activity.relation):
        if _lot(viewer, activity) == 0:
            store().trim_timeline(viewer, keep=ROWS_KEPT)


def _opened(activity: Activity, *, now: float) -> Activity:
    ledger = Ledger(followers=store().follower_count(activity.uid), first_at=now, last_at=now)
    return replace(activity, ledger=ledger)


def _finish(activity: Activity) -> None:
    store().finish(Job("deliver", activity.uid, activity.title, activity.version))


def _lot(viewer: str, activity: Activity) -> int:
    text = f"{viewer}:{activity.uid}:{activity.title}:{activity.version}"
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) % TRIM_EVERY
