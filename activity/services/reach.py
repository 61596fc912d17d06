"""Reach: how an account's activities get to its followers, by push or by pull delivery.

Accounts with more followers than FANOUT_PUSH_LIMIT use pull delivery: their followers read the account's own list
when a plan is built. During a reach change (`to_pull`, `to_push`) deliveries are still pushed, while a task updates
the followers' pull lists. A viewer who has both kinds sees each activity once: plans ignore pushed rows of an account
on the viewer's pull list.
"""

from typing import Final

from django.conf import settings

from activity.rules.reach import get_wanted_reach, is_pulled
from activity.services import backfill, profiles, timelines
from activity.store import get_store
from activity.types import Profile, Reach

JOB_DUE_SECONDS: Final = 30.0
FOLLOWERS_PER_BATCH_TO_PULL: Final = 500
FOLLOWERS_PER_BATCH_TO_PUSH: Final = 20  # each needs a backfill
MAX_SYNC_ATTEMPTS: Final = 5


def prepare_delivery(uid: str, followers: int, *, now: float) -> Reach:
    """Return an author's reach for a new activity; start a reach change if the number of followers calls for one.

    This also caches the author's profile, because the process that changed it may have died before it did.
    Cost: 1 store call and 1 round trip; 1 more store call to start a change; for an account with pull delivery
    2 store calls and 1 round trip. Raises StoreUnavailable.
    """
    profile = get_store().get_profile(uid) or Profile(uid)
    wanted = get_wanted_reach(profile.reach, followers, settings.FANOUT_PUSH_LIMIT)
    if wanted != profile.reach:
        profile = get_store().set_reach(uid, wanted, due=now)
    profiles.cache_profile(profile)
    if profile.reach != "push":
        timelines.refresh_pull_activities(uid)
    return profile.reach


def refresh_pull_activities(uid: str) -> Reach:
    """Refresh the list of an account that does not use push delivery only, and return its reach.

    Cost: 1 store call, and for a refresh as `timelines.refresh_pull_activities`. Raises StoreUnavailable.
    """
    profile = get_store().get_profile(uid) or Profile(uid)
    if profile.reach != "push":
        timelines.refresh_pull_activities(uid)
    return profile.reach


def change_reach_batch(uid: str, *, direction: str, cursor: str, now: float) -> tuple[Reach, str] | None:
    """Apply a reach change to the next followers after `cursor`; return the direction and the next cursor.

    Returns None when the change is complete. `direction` is empty in the first call. A chain of calls ends when the
    account's reach is no longer the chain's direction. Idempotent. Raises StoreUnavailable, RuntimeError.
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
    to_pull = profile.reach == "to_pull"
    if to_pull and not cursor:
        timelines.refresh_pull_activities(uid)  # an old list may be left from an earlier change
    size = FOLLOWERS_PER_BATCH_TO_PULL if to_pull else FOLLOWERS_PER_BATCH_TO_PUSH
    followers = get_store().get_follower_uids(uid, after=cursor, limit=size)
    _update_followers(uid, followers, to_pull=to_pull)
    if len(followers) == size:
        get_store().postpone_job(job, due=now + JOB_DUE_SECONDS)
        return profile.reach, followers[-1]
    profiles.cache_profile(get_store().set_reach(uid, "pull" if to_pull else "push", due=now))
    get_store().finish_job(job)
    return None


def sync_pull_list(viewer: Profile, author: str) -> Profile:
    """Make a viewer's pull list match the follow edge to an author and the author's reach; return the new profile.

    Cost: 1 store call for an author with push delivery, otherwise 2; 2 more for a change. Raises StoreUnavailable,
    and RuntimeError if the reach changed on every attempt.
    """
    for _ in range(MAX_SYNC_ATTEMPTS):
        profile = get_store().get_profile(author)
        has_pull_delivery = profile is not None and is_pulled(profile.reach)
        listed = has_pull_delivery and bool(get_store().get_existing_edges([(viewer.uid, author)]))
        if (author in viewer.pull_list) == listed:
            return viewer
        get_store().update_pull_lists([viewer.uid], author, listed=listed)
        viewer = get_store().get_profile(viewer.uid) or viewer
    raise RuntimeError(f"the reach of {author} changed on every attempt to update a pull list")


def _update_followers(uid: str, followers: list[str], *, to_pull: bool) -> None:
    if not followers:
        return
    if not to_pull:
        for viewer in followers:
            backfill.sync_author_rows(viewer, uid)
    get_store().update_pull_lists(followers, uid, listed=to_pull)
    if to_pull:
        # Read the edges again after the write: an unfollow may have come between.
        following = get_store().get_existing_edges([(viewer, uid) for viewer in followers])
        removed = [viewer for viewer in followers if (viewer, uid) not in following]
        if removed:
            get_store().update_pull_lists(removed, uid, listed=False)
    profiles.cache_profiles(followers)
