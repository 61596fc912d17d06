"""Accounts with very many followers: above a limit they are not pushed, their followers' plans pull them.

On the way up (`rising`) deliveries go on while followers are told to pull; on the way down
(`sinking`) likewise while timelines are filled. A viewer who has both sees the pulled rows
once: plans ignore pushed rows of an account that they pull.
"""

from typing import Final

from django.conf import settings

from activity.services import edges, profiles, timelines
from activity.store import store
from activity.types import Profile, Reach

DUE_AFTER: Final = 30.0
TOLD_AT_ONCE: Final = 500
FILLED_AT_ONCE: Final = 20


def pulls(uid: str, followers: int, *, now: float) -> bool:
    """Whether a new activity of this person is left to their followers' plans; may start a crossing.

    Cost: 1 store call, on a crossing 2 calls more.
    """
    profile = store().profile(uid) or Profile(uid)
    wanted: Reach | None = None
    if profile.reach == "pushed" and followers > settings.FANOUT_PUSH_LIMIT:
        wanted = "rising"
    elif profile.reach == "pulled" and followers < settings.FANOUT_PUSH_LIMIT * 0.8:
        wanted = "sinking"
    if wanted is not None:
        profile = store().set_reach(uid, wanted, due=now)
    if profile.reach != "pushed":
        timelines.refresh_recent(uid)
    return profile.reach == "pulled"


def cross(uid: str, *, cursor: str, now: float) -> str | None:
    """One chunk of a crossing: tell followers to pull, or fill their timelines and tell them to stop.

    The next cursor, None when the crossing is over. Idempotent; a new crossing the other way takes over.
    """
    profile = store().profile(uid)
    job = store().job("cross", uid)
    if profile is None or job is None or profile.reach not in {"rising", "sinking"}:
        if job is not None:
            store().finish(job)
        return None
    rising = profile.reach == "rising"
    size = TOLD_AT_ONCE if rising else FILLED_AT_ONCE
    followers = store().followers(uid, after=cursor, limit=size)
    if not rising:
        for viewer in followers:
            edges.sync(viewer, uid)
            edges.drop_undone(viewer, uid)
    if followers:
        store().tell_pulled(followers, uid, pulled=rising)
        profiles.refresh(followers)
    if len(followers) == size:
        store().postpone(job, due=now + DUE_AFTER)
        return followers[-1]
    store().set_reach(uid, "pulled" if rising else "pushed", due=now)
    store().finish(job)
    return None


def tell_follower(viewer: str, target: str) -> Profile | None:
    """A new follower of a pulled account pulls it too; their profile then. Cost: 1 store call, else 3."""
    profile = store().profile(target)
    if profile is None or profile.reach not in {"rising", "pulled"}:
        return None
    store().tell_pulled([viewer], target, pulled=True)
    return store().profile(viewer)
