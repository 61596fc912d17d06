"""Rebuilding a timeline for somebody who was away: bounded, idempotent, its marker gone whatever happens."""

import secrets
from dataclasses import replace
from typing import Final

from activity import dispatch, keys, timeline_cache
from activity.services import backfill, presence
from activity.services.presence import Presence
from activity.store import get_store
from activity.types import Job, Profile
from core.redis.client import state_redis

MAX_FOLLOWEES: Final = 200  # most recently active of those they follow
ACTIVITIES_PER_FOLLOWEE: Final = 20  # activities of each
MAX_FOLLOWS_READ: Final = 1_000
PAGE_SIZE: Final = 500
JOB_DUE_SECONDS: Final = 60.0


def ensure_rebuilt(profile: Profile, found: Presence, *, now: float) -> bool:
    """Return whether the viewer's timeline is being rebuilt; start the rebuild for a viewer who was inactive.

    `found` is the value of `presence.read_and_touch`. Cost: none for an active viewer, otherwise as `start_rebuild`.
    """
    return found.is_rebuilding if found.is_active else start_rebuild(profile, now=now)


def touch_viewer(profile: Profile, *, now: float) -> None:
    """They did something: as `ensure_rebuilt` for those who come without looking at a feed first. Cost: 1 wait more."""
    if not presence.touch_active(profile.uid):
        start_rebuild(profile, now=now)


def start_rebuild(profile: Profile, *, now: float) -> bool:
    """They were away: mark them as here and have their timeline rebuilt; False if they follow nobody.

    The job comes before the mark, so that nobody is marked whose timeline nobody rebuilds, and the mark before
    the rebuild: a delivery that still skips them finds its activity read by it.
    Cost: 1 wait, and for a rebuild 1 store call, 1 wait more and a message.
    """
    if profile.following_count == 0:
        presence.mark_active(profile.uid)
        return False
    get_store().put_job(Job("rebuild", profile.uid, due=now + JOB_DUE_SECONDS))
    presence.mark_active(profile.uid)
    if state_redis().set(presence.rebuilding_key(profile.uid), 1, nx=True, ex=keys.TIMELINE_REBUILD.ttl):
        dispatch.queue_after_commit("rebuild", profile.uid)
    return True


def rebuild_timeline(uid: str) -> int:
    """Deliver what the people they follow did while they were away; how many people that were.

    What was there goes first: nobody told it of undone activities. Whoever is active from here on is among those
    read below, so a delivery that this removes comes back. Of two at once each has the job in a name of its own: the
    one that ends first must not take it from the other, who may be killed behind what it emptied.
    Cost: 3 store calls a page of old rows, 4 more and 7 or so a followee. Raises StoreUnavailable; doing it again is
    safe, and does nothing once it is done.
    """
    latest: list[Profile] = []
    try:
        if (job := get_store().get_job("rebuild", uid)) is not None:
            job = replace(job, version=secrets.randbelow(2**31))
            get_store().put_job(job)
            _clear_timeline(uid)
            followed = [edge.uid for edge in get_store().get_following(uid, limit=MAX_FOLLOWS_READ)]
            people = get_store().get_profiles(followed)
            latest = sorted(people.values(), key=lambda p: (-p.active_at, p.uid))[:MAX_FOLLOWEES]
            for person in latest:
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
