"""Accounts with very many followers: above a limit they are not pushed, their followers' plans pull them.

On the way up (`rising`) deliveries go on while followers are told to pull; on the way down
(`sinking`) likewise while timelines are filled. A viewer who has both sees the pulled rows
once: plans ignore pushed rows of an account that they pull.
"""

from typing import Final

from django.conf import settings

from activity.services import backfill, profiles, timelines
from activity.store import get_store
from activity.types import Profile, Reach

JOB_DUE_SECONDS: Final = 30.0
FOLLOWERS_PER_BATCH_TO_PULL: Final = 500
FOLLOWERS_PER_BATCH_TO_PUSH: Final = 20
MAX_SYNC_ATTEMPTS: Final = 5


def pulls(uid: str, followers: int, *, now: float) -> bool:
    """Whether a new activity of this person is left to their followers' plans; may start a crossing.

    Their profile is written through as well, in case nobody lived to do so after the change.
    Cost: 1 store call and 1 wait; on a crossing a call more, for an account that is pulled 2 calls and 1 wait.
    """
    profile = get_store().get_profile(uid) or Profile(uid)
    wanted: Reach | None = None
    if profile.reach == "push" and followers > settings.FANOUT_PUSH_LIMIT:
        wanted = "to_pull"
    elif profile.reach == "pull" and followers < settings.FANOUT_PUSH_LIMIT * 0.8:
        wanted = "to_push"
    if wanted is not None:
        profile = get_store().set_reach(uid, wanted, due=now)
    profiles.cache_profile(profile)
    if profile.reach != "push":
        timelines.refresh_pull_activities(uid)
    return profile.reach == "pull"


def refresh_pull_activities(uid: str) -> bool:
    """Whether this account is pulled only; its list is made anew then, and on its way up or down."""
    profile = get_store().get_profile(uid) or Profile(uid)
    if profile.reach != "push":
        timelines.refresh_pull_activities(uid)
    return profile.reach == "pull"


def change_reach_batch(uid: str, *, direction: str, cursor: str, now: float) -> tuple[Reach, str] | None:
    """One chunk of a crossing: tell followers to pull, or fill their timelines and tell them to stop.

    The direction and the next cursor, None when the crossing is over. `direction` is empty at the start; a
    chain of another one than the account's, which it outlived, ends. Idempotent.
    """
    profile = get_store().get_profile(uid)
    job = get_store().get_job("change_reach", uid)
    if profile is None or job is None or profile.reach not in {"to_pull", "to_push"}:
        if profile is not None:
            profiles.cache_profile(profile)
        if job is not None:
            get_store().finish_job(job)
        return None
    if direction not in {"", profile.reach}:
        return None
    rising = profile.reach == "to_pull"
    if rising and not cursor:
        timelines.refresh_pull_activities(uid)  # it may be there since the last time, and old
    size = FOLLOWERS_PER_BATCH_TO_PULL if rising else FOLLOWERS_PER_BATCH_TO_PUSH
    followers = get_store().get_follower_uids(uid, after=cursor, limit=size)
    _update_followers(uid, followers, rising=rising)
    if len(followers) == size:
        get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
        return profile.reach, followers[-1]
    profiles.cache_profile(get_store().set_reach(uid, "pull" if rising else "push", due=now))
    get_store().finish_job(job)
    return None


def sync_pull_list(viewer: Profile, author: str) -> Profile:
    """Make a viewer's list of accounts to pull agree with the edge to this one and with how it travels.

    Their profile then. Cost: 1 store call for an account that is pushed to everybody, else 2, and 2 for a change.
    """
    for _ in range(MAX_SYNC_ATTEMPTS):
        target = get_store().get_profile(author)
        pulled = target is not None and target.reach in {"to_pull", "pull"}
        wanted = pulled and bool(get_store().get_existing_edges([(viewer.uid, author)]))
        if (author in viewer.pull_list) == wanted:
            return viewer
        get_store().update_pull_lists([viewer.uid], author, listed=wanted)
        viewer = get_store().get_profile(viewer.uid) or viewer
    raise RuntimeError(f"the reach of {author} keeps changing")


def _update_followers(uid: str, followers: list[str], *, rising: bool) -> None:
    if not followers:
        return
    if not rising:
        for viewer in followers:
            backfill.sync_author_rows(viewer, uid)
    get_store().update_pull_lists(followers, uid, listed=rising)
    if rising:
        linked = get_store().get_existing_edges([(viewer, uid) for viewer in followers])
        gone = [viewer for viewer in followers if (viewer, uid) not in linked]
        if gone:
            get_store().update_pull_lists(gone, uid, listed=False)
    profiles.cache_profiles(followers)
