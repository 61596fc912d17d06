"""Rebuild the timeline of a viewer who returns after 30 days or more. Rebuilds are bounded and idempotent."""

import secrets
import time
from dataclasses import replace
from typing import Final

from activity import dispatch, keys, timeline_cache
from activity.services import backfill, presence
from activity.services.presence import Presence
from activity.store import get_store
from activity.types import Job, Profile
from core.redis.client import state_redis

MAX_FOLLOWEES: Final = 200  # the most recently active ones
ACTIVITIES_PER_FOLLOWEE: Final = 20
MAX_FOLLOWS_READ: Final = 1_000
PAGE_SIZE: Final = 500
JOB_DUE_SECONDS: Final = 4.0  # the sweep queues a rebuild that made no progress for this long
_PROGRESS_SECONDS: Final = 1.0  # between two reports of progress


def ensure_rebuilt(profile: Profile, found: Presence, *, now: float) -> bool:
    """Return whether the viewer's timeline is being rebuilt; start the rebuild for a viewer who was inactive.

    `found` is the value of `presence.read_and_touch`. Cost: none for an active viewer, otherwise as `start_rebuild`.
    """
    return found.is_rebuilding if found.is_active else start_rebuild(profile, now=now)


def touch_viewer(profile: Profile, *, now: float) -> None:
    """Mark a viewer active who acts without requesting a feed; start a rebuild if they were inactive.

    Cost: 1 round trip, and for an inactive viewer as `start_rebuild`.
    """
    if not presence.touch_active(profile.uid):
        start_rebuild(profile, now=now)


def start_rebuild(profile: Profile, *, now: float) -> bool:
    """Mark an inactive viewer active and queue a rebuild. Return False without one if they follow no one.

    The job is stored before the viewer is marked, so every marked viewer has a rebuild. The viewer is marked before
    the rebuild runs, so a delivery that still skipped them wrote its activity before the rebuild reads it.
    Cost: 1 round trip; for a rebuild 1 store call, 1 more round trip and 1 message. Raises StoreUnavailable.
    """
    if profile.following_count == 0:
        presence.mark_active(profile.uid)
        return False
    get_store().put_job(Job("rebuild", profile.uid, due=now + JOB_DUE_SECONDS))
    presence.mark_active(profile.uid)
    if state_redis().set(presence.rebuilding_key(profile.uid), 1, nx=True, ex=keys.TIMELINE_REBUILD.ttl):
        dispatch.queue_after_commit("rebuild", profile.uid)
    return True


def rebuild_timeline(uid: str, *, now: float) -> int:
    """Replace a viewer's timeline with the newest activities of their followees; return the number of followees read.

    Delete the existing rows first: activities that were undone meanwhile were not delivered to an inactive viewer. A
    delivery whose row this deletes is read again below. Each run tags the job with its own id, so a run that finishes
    first cannot delete the job of a concurrent run, which may be killed after it emptied the timeline.

    Idempotent; does nothing without a job. Cost: 3 store calls per page of old rows, 4 more, about 7 per followee, and
    1 a second.
    Raises StoreUnavailable, RuntimeError.
    """
    latest: list[Profile] = []
    try:
        if (job := get_store().get_job("rebuild", uid)) is not None:
            started = reported = time.monotonic()
            job = replace(job, version=secrets.randbelow(2**31), due=now + JOB_DUE_SECONDS)
            get_store().put_job(job)
            _clear_timeline(uid)
            followed = [edge.uid for edge in get_store().get_following(uid, limit=MAX_FOLLOWS_READ)]
            people = get_store().get_profiles(followed)
            latest = sorted(people.values(), key=lambda p: (-p.active_at, p.uid))[:MAX_FOLLOWEES]
            for person in latest:
                if time.monotonic() - reported >= _PROGRESS_SECONDS:
                    reported = time.monotonic()
                    get_store().postpone_job(job, due=now + reported - started + JOB_DUE_SECONDS)
                backfill.sync_author_rows(uid, person.uid, newest=ACTIVITIES_PER_FOLLOWEE)
            get_store().trim_timeline(uid, keep=timeline_cache.MAX_DURABLE_ROWS)
            get_store().finish_job(job)
    finally:
        state_redis().delete(presence.rebuilding_key(uid))
    return len(latest)


def _clear_timeline(uid: str) -> None:
    while True:
        rows = get_store().get_timeline(uid, limit=PAGE_SIZE)
        if rows:
            get_store().delete_timeline_rows([(uid, row.author, row.title) for row in rows])
        if len(rows) < PAGE_SIZE:
            break
    timeline_cache.invalidate(uid)
