"""Rebuilding a timeline for somebody who was away: bounded, idempotent, its marker gone whatever happens."""

from collections.abc import Sequence
from typing import Any, Final

from activity import dispatch
from activity.services import edges, presence
from activity.store import store
from activity.types import Job, Profile
from finishd.lib import keys
from finishd.lib.redis import store as redis

FOLLOWEES: Final = 200  # most recently active of those they follow
NEWEST: Final = 20  # activities of each
FOLLOWS_READ: Final = 1_000
JOB_DUE_AFTER: Final = 60.0


def under_way(profile: Profile, answers: Sequence[Any], *, now: float) -> bool:
    """Whether the viewer's timeline is being rebuilt, from the answers to presence.queue_state; begins it for
    somebody who returned. Cost: none for those who were here lately, else as `returned`."""
    here, rebuilding = presence.state(answers)
    return rebuilding if here else returned(profile, now=now)


def returned(profile: Profile, *, now: float) -> bool:
    """They were away: mark them as here and have their timeline rebuilt; False if they follow nobody.

    The mark comes first: a delivery that still skips them finds its activity read by the rebuild.
    Cost: 1 wait, and for a rebuild 1 store call, 1 wait more and a message.
    """
    presence.mark(profile.uid)
    if profile.following == 0:
        return False
    name = presence.rebuilding_key(profile.uid)
    if redis().set(name, 1, nx=True, ex=keys.REBUILDING.ttl):
        store().put_job(Job("rebuild", profile.uid, due=now + JOB_DUE_AFTER))
        dispatch.after_commit("rebuild", profile.uid)
    return True


def rebuild(uid: str) -> int:
    """Deliver what the people they follow did while they were away; how many people that were.

    Cost: 2 store calls and 5 or so a followee. Raises StoreUnavailable; doing it again is safe.
    """
    try:
        followed = [edge.uid for edge in store().following_edges(uid, limit=FOLLOWS_READ)]
        people = store().profiles(followed)
        latest = sorted(people.values(), key=lambda p: (-p.active_at, p.uid))[:FOLLOWEES]
        for person in latest:
            edges.sync(uid, person.uid, newest=NEWEST)
        store().trim_timeline(uid, keep=400)
    finally:
        redis().delete(presence.rebuilding_key(uid))
    store().finish(Job("rebuild", uid))
    return len(latest)
