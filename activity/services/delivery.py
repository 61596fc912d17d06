"""Delivering an activity to its followers' timelines: chunk by chunk, idempotent, resumable.

A chunk writes the activity's state and looks again after it wrote: if the activity or a follow changed
meanwhile it mends what it wrote. So an undo, unfollow or block that overtakes a delivery wins. Where the
next chunk begins is in the ledger, so that a message lost, repeated or killed half-way moves nothing.

One hole is left, a chunk killed between its write and its second look, and no message to do it again:
hence a second pass over the followers for whatever replaced an older version, once no chunk of that
one can still be running.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from zlib import crc32

from activity import timeline_cache
from activity.services import lag, names, presence, reach, timelines
from activity.store import get_store
from activity.types import Activity, Job, Ledger, Relation

FOLLOWERS_PER_BATCH: Final = 500
DELIVERY_SLICE_SECONDS: Final = 0.25  # of one delivery, before others get their turn
JOB_DUE_SECONDS: Final = 20.0  # seconds after which beat queues unfinished work again
# A chunk that began before a change is over by then: it is longer than a task may run.
RECHECK_DELAY_SECONDS: Final = 25.0
MAX_WRITE_ATTEMPTS: Final = 5
TRIM_ONE_IN: Final = 512  # one in so many deliveries, by lot, sweeps its timeline's surplus rows


def deliver_slice(uid: str, title: str, version: int, *, now: float) -> bool:
    """Deliver batches for DELIVERY_SLICE_SECONDS and return whether followers remain. Cost: as `deliver_batch`."""
    started = time.monotonic()
    elapsed = 0.0
    while deliver_batch(uid, title, version, now=now + elapsed):
        elapsed = time.monotonic() - started
        if elapsed >= DELIVERY_SLICE_SECONDS:
            return True
    return False


def deliver_batch(uid: str, title: str, version: int, *, now: float) -> bool:
    """Deliver this version to the next CHUNK followers; whether there are more.

    Cost: about 7 store calls and 4 waits, whatever the chunk. Raises StoreUnavailable; doing it again is safe.
    """
    job = Job("deliver", uid, title, version)
    activity = get_store().get_activity(uid, title)
    if activity is None or activity.version != version:
        get_store().finish_job(job)  # a newer version has a job of its own
        return False
    ledger = activity.ledger
    if ledger.started_at is None:
        ledger = Ledger(follower_count=get_store().count_followers(uid), started_at=now, updated_at=now)
        if reach.pulls(uid, ledger.follower_count, now=now):
            get_store().save_ledger(uid, title, version, ledger)
            _finish_delivery(activity, job)
            return False
    followers = get_store().get_follower_uids(uid, after=ledger.cursor, limit=FOLLOWERS_PER_BATCH)
    write_until_stable(activity, presence.get_active(followers))
    done = replace(ledger, delivered_count=ledger.delivered_count + len(followers), updated_at=now)
    if followers:
        done = replace(done, cursor=followers[-1])
    get_store().save_ledger(uid, title, version, done)
    if len(followers) < FOLLOWERS_PER_BATCH:
        _finish_delivery(activity, job)
        lag.record_delivery(activity, now=now)
        return False
    get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
    return True


def recheck_batch(uid: str, title: str, version: int, *, cursor: str, now: float) -> str | None:
    """One chunk of it, behind `cursor`; the next cursor, None at the end. Cost: about 5 store calls, 3 waits."""
    job = Job("recheck", uid, title, version)
    activity = get_store().get_activity(uid, title)
    if activity is None or reach.refresh_pull_activities(uid):
        get_store().finish_job(job)
        return None
    followers = get_store().get_follower_uids(uid, after=cursor, limit=FOLLOWERS_PER_BATCH)
    write_until_stable(activity, presence.get_active(followers))
    if len(followers) < FOLLOWERS_PER_BATCH:
        get_store().finish_job(job)
        return None
    get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
    return followers[-1]


def write_until_stable(activity: Activity, viewers: Sequence[str]) -> None:
    """Make these followers' timelines hold the activity as it is, also if it changes while this runs.

    Raises RuntimeError if it will not hold still; the task is then tried again.
    """
    if not viewers:
        return
    for _ in range(MAX_WRITE_ATTEMPTS):
        _write(activity, viewers)
        linked = get_store().get_existing_edges([(viewer, activity.uid) for viewer in viewers])
        gone = [viewer for viewer in viewers if (viewer, activity.uid) not in linked]
        if gone:
            _write(_emptied(activity), gone)
        current = get_store().get_activity(activity.uid, activity.title)
        if current is None:
            _write(_emptied(activity), viewers)
            return
        if current.version == activity.version:
            return
        activity = current
    raise RuntimeError(f"{activity.uid}'s activity keeps changing under its delivery")


def _write(activity: Activity, viewers: Sequence[str]) -> None:
    """Durable rows first, then the hot copies: a loader that misses the one is cancelled by the other."""
    row = timelines.make_row(activity, names.get_names([activity.uid])[activity.uid])
    if activity.relation.is_empty:
        get_store().delete_timeline_rows([(viewer, activity.uid, activity.title) for viewer in viewers])
    else:
        get_store().put_timeline_rows([(viewer, row) for viewer in viewers])
    timeline_cache.set_row(viewers, row, activity.relation)
    delivery = f"{activity.uid}:{activity.title}:{activity.version}"
    for viewer in viewers:
        if crc32(f"{viewer}:{delivery}".encode()) % TRIM_ONE_IN == 0:
            get_store().trim_timeline(viewer, keep=timeline_cache.MAX_DURABLE_ROWS)


def _emptied(activity: Activity) -> Activity:
    return replace(activity, relation=Relation())


def _finish_delivery(activity: Activity, job: Job) -> None:
    if activity.version > 1:
        due = activity.recorded_at + RECHECK_DELAY_SECONDS
        get_store().put_job(Job("recheck", activity.uid, activity.title, activity.version, due))
    get_store().finish_job(job)
