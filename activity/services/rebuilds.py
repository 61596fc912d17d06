"""Rebuilding a timeline for somebody who was away: bounded, idempotent, its marker gone whatever happens."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from activity import dispatch, hot, keys
from activity.services import edges, presence
from activity.store import get_store
from activity.types import Job, Profile
from core.redis.client import state_redis

FOLLOWEES: Final = 200  # most recently active of those they follow
NEWEST: Final = 20  # activities of each
FOLLOWS_READ: Final = 1_000
PAGE: Final = 500
JOB_DUE_AFTER: Final = 60.0


def under_way(profile: Profile, answers: Sequence[Any], *, now: float) -> bool:
    """Whether the viewer's timeline is being rebuilt, from the answers to presence.queue_state; begins it for
    somebody who returned. Cost: none for those who were here lately, else as `returned`."""
    here, rebuilding = presence.state(answers)
    return rebuilding if here else returned(profile, now=now)


def arrive(profile: Profile, *, now: float) -> None:
    """They did something: as `under_way` for those who come without looking at a feed first. Cost: 1 wait more."""
    if not presence.here(profile.uid):
        returned(profile, now=now)


def returned(profile: Profile, *, now: float) -> bool:
    """They were away: mark them as here and have their timeline rebuilt; False if they follow nobody.

    The job comes before the mark, so that nobody is marked whose timeline nobody rebuilds, and the mark before
    the rebuild: a delivery that still skips them finds its activity read by it.
    Cost: 1 wait, and for a rebuild 1 store call, 1 wait more and a message.
    """
    if profile.following == 0:
        presence.mark(profile.uid)
        return False
    get_store().put_job(Job("rebuild", profile.uid, due=now + JOB_DUE_AFTER))
    presence.mark(profile.uid)
    if state_redis().set(presence.rebuilding_key(profile.uid), 1, nx=True, ex=keys.REBUILDING.ttl):
        dispatch.after_commit("rebuild", profile.uid)
    return True


def rebuild(uid: str) -> int:
    """Deliver what the people they follow did while they were away; how many people that were.

    What was there goes first: nobody told it of undone activities. Whoever is active from here on is among those
    read below, so a delivery that this removes comes back. Of two at once each has the job in a name of its own: the
    one that ends first must not take it from the other, who may be killed behind what it emptied.
    Cost: 3 store calls a page of old rows, 4 more and 7 or so a followee. Raises StoreUnavailable; doing it again is
    safe, and does nothing once it is done.
    """
    latest: list[Profile] = []
    try:
        if (job := get_store().job("rebuild", uid)) is not None:
            job = replace(job, version=secrets.randbelow(2**31))
            get_store().put_job(job)
            _empty(uid)
            followed = [edge.uid for edge in get_store().following_edges(uid, limit=FOLLOWS_READ)]
            people = get_store().profiles(followed)
            latest = sorted(people.values(), key=lambda p: (-p.active_at, p.uid))[:FOLLOWEES]
            for person in latest:
                edges.sync(uid, person.uid, newest=NEWEST)
            get_store().trim_timeline(uid, keep=hot.ROWS_KEPT)
            get_store().finish(job)
    finally:
        state_redis().delete(presence.rebuilding_key(uid))
    return len(latest)


def _empty(uid: str) -> None:
    while True:
        rows = get_store().timeline(uid, limit=PAGE)
        if rows:
            get_store().drop_rows([(uid, row.actor, row.title) for row in rows])
        if len(rows) < PAGE:
            break
    hot.forget(uid)
