"""Follow, unfollow, block and unblock people, and list follows."""

import logging
from typing import Final

from activity import dispatch, timeline_cache, unfollowed
from activity.services import backfill, profiles, reach, rebuilds
from activity.store import get_store
from activity.types import MAX_LIST_OFFSET, FollowEdge, Job, Profile, StoreUnavailable

logger = logging.getLogger(__name__)

# If its message or worker is lost, a sweep (every 5 s) queues the job in time for followers to see it within 10 s.
JOB_DUE_SECONDS: Final = 4.0
MAX_MUTUALS_READ: Final = 1_000  # newest follows that are searched for mutual ones


def follow(uid: str, target: str, *, now: float) -> bool:
    """Follow a person and return whether the follow is new. A task backfills the follower's timeline.

    Raises ValueError if both are the same person, Blocked, LimitReached, StoreUnavailable.
    Cost: 2 store calls, 3 round trips, 1 message; `reach.sync_pull_list` for a pull-delivered target.
    """
    if uid == target:
        raise ValueError("You cannot follow yourself.")
    rebuilds.touch_viewer(profiles.get(uid), now=now)
    profile, is_new = get_store().follow(uid, target, now=now, due=now + JOB_DUE_SECONDS)
    profiles.cache_profile(reach.sync_pull_list(profile, target))
    if is_new:
        dispatch.queue_after_commit("backfill", uid, target, profile.version)
    return is_new


def unfollow(uid: str, target: str, *, now: float) -> bool:
    """Stop following a person and return whether there was a follow.

    The author's rows are removed before this returns, unless the store fails meanwhile; a task purges them again. No
    plan that is built later shows them. Cost: 3 store calls, 3 round trips, 1 message. Raises StoreUnavailable.
    """
    profile, removed = get_store().unfollow(uid, target, due=now + backfill.SECOND_PURGE_DELAY_SECONDS)
    profiles.cache_profile(profile)
    unfollowed.add(uid, target, version=profile.version)
    if removed:
        _purge_now(uid, target)
        dispatch.queue_after_commit("purge", uid, target, profile.version)
    return removed


def block(uid: str, target: str, *, now: float) -> None:
    """Block a person: ends the follows between the two and hides each from the other. Idempotent.

    Raises ValueError if both are the same person, LimitReached beyond 1,000 blocks, StoreUnavailable.
    Cost: 5 store calls, 6 round trips.
    """
    if uid == target:
        raise ValueError("You cannot block yourself.")
    for profile, other in zip(_set_block(uid, target, blocked=True, now=now), (target, uid), strict=True):
        unfollowed.add(profile.uid, other, version=profile.version)
        _purge_now(profile.uid, other)
        dispatch.queue_after_commit("purge", profile.uid, other, profile.version)


def unblock(uid: str, target: str, *, now: float) -> None:
    """Unblock a person. Follows that the block ended do not return. Raises StoreUnavailable."""
    _set_block(uid, target, blocked=False, now=now)


def run_edge_job(job: Job, *, is_second_run: bool, now: float) -> None:
    """Run a backfill or purge job against the follow edge as it is now. Idempotent.

    `is_second_run` says that the sweep queued the job: a purge is then finished.
    Cost: as `backfill.sync_author_rows`, and 4 store calls and 3 round trips. Raises StoreUnavailable, RuntimeError.
    """
    is_following = backfill.sync_author_rows(job.subject, job.target)
    if is_following or (job.kind == "purge" and is_second_run):
        unfollowed.release(job.subject, job.target, version=job.version)
    profile = get_store().get_profile(job.subject)
    if profile is not None:
        profiles.cache_profile(reach.sync_pull_list(profile, job.target))
    backfill.finish_edge_job(job, is_following=is_following, now=now, is_second_run=is_second_run)


def get_followers(uid: str, *, offset: int, limit: int) -> list[FollowEdge]:
    """Return a person's followers, newest first; none beyond MAX_LIST_OFFSET.

    Cost: 1 store call, offset + limit documents.
    """
    return get_store().get_followers(uid, offset=offset, limit=limit) if offset <= MAX_LIST_OFFSET else []


def get_following(uid: str, *, offset: int, limit: int) -> list[FollowEdge]:
    """Return the people whom a person follows, newest first; none beyond MAX_LIST_OFFSET.

    Cost: 1 store call, offset + limit documents.
    """
    return get_store().get_following(uid, offset=offset, limit=limit) if offset <= MAX_LIST_OFFSET else []


def get_stats(uid: str) -> tuple[int, int]:
    """Return the exact numbers of followers and of followees. Cost: 2 store calls."""
    return get_store().count_followers(uid), get_store().count_following(uid)


def get_mutuals(uid: str) -> list[str]:
    """Return the followees who follow the person back, among their newest 1,000 follows. Cost: 2 store calls."""
    followed = [edge.uid for edge in get_store().get_following(uid, limit=MAX_MUTUALS_READ)]
    back = get_store().get_existing_edges([(other, uid) for other in followed])
    return [other for other in followed if (other, uid) in back]


def _set_block(uid: str, target: str, *, blocked: bool, now: float) -> tuple[Profile, Profile]:
    both = get_store().set_block(uid, target, blocked=blocked, due=now + backfill.SECOND_PURGE_DELAY_SECONDS)
    for profile in both:
        profiles.cache_profile(profile)
    return both


def _purge_now(uid: str, target: str) -> None:
    """Remove the author's rows at once, so that no later page shows them. If the store fails, the job removes them."""
    try:
        backfill.purge_author(uid, target)
    except StoreUnavailable:
        timeline_cache.remove_author(uid, target)
        logger.warning("activity store unavailable: purge left to the job; the sweep will retry it")
