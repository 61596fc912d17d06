"""Deliver an activity to the timelines of its author's followers, in idempotent batches that can be resumed.

A batch writes the rows and then reads the edges and the activity again. If one of them changed meanwhile, it repairs
the rows. So an undo, an unfollow or a block that runs concurrently with a delivery wins. The ledger in the store says
where the next batch starts, and the job whether there is one, so a message that is lost, repeated or killed does no
harm (`activity/rules/ledgers.py`).

One gap remains: a batch that is killed between its write and its second read, and whose message is lost. Therefore a
changed activity is rechecked when no batch of its older version can still be running.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from zlib import crc32

from activity import timeline_cache, undone
from activity.rules import ledgers
from activity.services import lag, names, presence, reach, timelines
from activity.store import get_store
from activity.types import Activity, Job, Ledger, Relation

FOLLOWERS_PER_BATCH: Final = 500
DELIVERY_SLICE_SECONDS: Final = 0.25  # of one delivery, before others get their turn
JOB_DUE_SECONDS: Final = 20.0  # the sweep queues a job that made no progress for this long
# Longer than the time limit of a task and the difference of clocks: batches that began before a change have ended.
RECHECK_DELAY_SECONDS: Final = 30.0
MAX_WRITE_ATTEMPTS: Final = 5
TRIM_ONE_IN: Final = 512  # one in so many deliveries, chosen by hash, trims the durable timeline


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
    """Deliver this version of an activity to the next FOLLOWERS_PER_BATCH followers; return whether more remain.

    Idempotent. Cost: about 7 store calls and 4 round trips for a batch of any size, and 1 store call for a repeated
    message. Raises StoreUnavailable.
    """
    job = Job("deliver", uid, title, version)
    activity = get_store().get_activity(uid, title)
    if activity is None or activity.version != version:
        get_store().finish_job(job)  # a newer version has its own job
        return False
    ledger = activity.ledger
    if ledgers.is_started_without_cursor(ledger) and not _is_unfinished(job):
        return False  # a repeated message
    if ledger.started_at is None:
        ledger = Ledger(follower_count=get_store().count_followers(uid), started_at=now, updated_at=now)
        if reach.prepare_delivery(uid, ledger.follower_count, now=now) == "pull":
            get_store().save_ledger(uid, title, version, ledger)
            _finish_delivery(activity, job)
            return False
    followers = get_store().get_follower_uids(uid, after=ledger.cursor, limit=FOLLOWERS_PER_BATCH)
    write_until_stable(activity, presence.get_active(followers))
    is_last = len(followers) < FOLLOWERS_PER_BATCH
    get_store().save_ledger(
        uid, title, version, ledgers.add_batch(ledger, followers, is_last=is_last, now=now)
    )
    if is_last:
        _finish_delivery(activity, job)
        lag.record_delivery(activity, now=now)
        return False
    get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
    return True


def recheck_batch(uid: str, title: str, version: int, *, cursor: str, now: float) -> str | None:
    """Write an activity to the next followers after `cursor` once more, and return the next cursor, None at the end.

    Idempotent. Cost: about 5 store calls and 3 round trips. Raises StoreUnavailable.
    """
    job = Job("recheck", uid, title, version)
    activity = get_store().get_activity(uid, title)
    if activity is None:
        get_store().finish_job(job)
        return None
    if reach.refresh_pull_activities(uid) == "pull":
        _finish_recheck(activity, job)
        return None
    followers = get_store().get_follower_uids(uid, after=cursor, limit=FOLLOWERS_PER_BATCH)
    write_until_stable(activity, presence.get_active(followers))
    if len(followers) < FOLLOWERS_PER_BATCH:
        _finish_recheck(activity, job)
        return None
    get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
    return followers[-1]


def write_until_stable(activity: Activity, viewers: Sequence[str]) -> None:
    """Make the timelines of these followers match the activity, also if it changes during the write.

    Raises RuntimeError if it changed on every attempt; the task is then retried.
    """
    if not viewers:
        return
    for _ in range(MAX_WRITE_ATTEMPTS):
        _write(activity, viewers)
        following = get_store().get_existing_edges([(viewer, activity.uid) for viewer in viewers])
        removed = [viewer for viewer in viewers if (viewer, activity.uid) not in following]
        if removed:
            _write(_emptied(activity), removed)
        current = get_store().get_activity(activity.uid, activity.title)
        if current is None:
            _write(_emptied(activity), viewers)
            return
        if current.version == activity.version:
            return
        activity = current
    raise RuntimeError(f"an activity of {activity.uid} changed on every attempt of its delivery")


def _write(activity: Activity, viewers: Sequence[str]) -> None:
    # Durable rows first. A loader that read the store before them is cancelled by the write to the cache.
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


def _is_unfinished(job: Job) -> bool:
    stored = get_store().get_job(job.kind, job.subject, job.target)
    return stored is not None and stored.version == job.version


def _finish_recheck(activity: Activity, job: Job) -> None:
    if activity.relation.is_empty and activity.version == job.version:
        undone.remove(activity)
    get_store().finish_job(job)


def _finish_delivery(activity: Activity, job: Job) -> None:
    if activity.version > 1:
        due = activity.recorded_at + RECHECK_DELAY_SECONDS
        get_store().put_job(Job("recheck", activity.uid, activity.title, activity.version, due))
    get_store().finish_job(job)
