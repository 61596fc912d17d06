"""Following and its opposites."""

import logging
from typing import Final

from activity import dispatch, timeline_cache
from activity.services import backfill, profiles, reach, rebuilds
from activity.store import get_store
from activity.types import FollowEdge, Job, Profile, StoreUnavailable

logger = logging.getLogger(__name__)

JOB_DUE_SECONDS: Final = 20.0
MAX_MUTUALS_READ: Final = 1_000  # newest follows among which mutual ones are looked for


def follow(uid: str, target: str, *, now: float) -> bool:
    """Follow somebody; whether that was new. Their newest deeds come by a task.

    Raises ValueError for oneself, Blocked, LimitReached past the cap, StoreUnavailable.
    Cost: 2 store calls, 3 waits, a message; reach.sync_pull_list for a target with very many followers.
    """
    if uid == target:
        raise ValueError("You cannot follow yourself.")
    rebuilds.touch_viewer(profiles.get(uid), now=now)
    profile, new = get_store().follow(uid, target, now=now, due=now + JOB_DUE_SECONDS)
    profiles.cache_profile(reach.sync_pull_list(profile, target))
    if new:
        dispatch.queue_after_commit("backfill", uid, target, profile.version)
    return new


def unfollow(uid: str, target: str, *, now: float) -> bool:
    """Stop following; whether they did. What it brought is gone when this returns, unless the store fails
    meanwhile; a task looks again. Cost: 3 store calls, 2 waits, a message."""
    profile, gone = get_store().unfollow(uid, target, due=now + backfill.SECOND_PURGE_DELAY_SECONDS)
    profiles.cache_profile(profile)
    if gone:
        _purge_now(uid, target)
        dispatch.queue_after_commit("purge", uid, target, profile.version)
    return gone


def block(uid: str, target: str, *, now: float) -> None:
    """Neither sees the other any more, and their follows end. Idempotent.

    Raises ValueError for oneself, LimitReached past 1,000 people, StoreUnavailable. Cost: 5 store calls, 4 waits.
    """
    if uid == target:
        raise ValueError("You cannot block yourself.")
    for profile, other in zip(_set_block(uid, target, blocked=True, now=now), (target, uid), strict=True):
        _purge_now(profile.uid, other)
        dispatch.queue_after_commit("purge", profile.uid, other, profile.version)


def unblock(uid: str, target: str, *, now: float) -> None:
    """Each may see the other again; follows that the block ended do not come back."""
    _set_block(uid, target, blocked=False, now=now)


def run_edge_job(job: Job, *, is_second_run: bool, now: float) -> None:
    """Do what a follow, unfollow or block left to do, as the edge is now. Raises StoreUnavailable, RuntimeError.

    Cost: as backfill.sync_author_rows, and 4 store calls and 2 waits. `is_second_run` says that a purge ran before.
    """
    is_following = backfill.sync_author_rows(job.subject, job.target)
    profile = get_store().get_profile(job.subject)
    if profile is not None:
        profiles.cache_profile(reach.sync_pull_list(profile, job.target))
    backfill.finish_edge_job(job, is_following=is_following, now=now, is_second_run=is_second_run)


def get_followers(uid: str, *, offset: int, limit: int) -> list[FollowEdge]:
    """Newest first. Cost: 1 store call, offset + limit documents."""
    return get_store().get_followers(uid, offset=offset, limit=limit)


def get_following(uid: str, *, offset: int, limit: int) -> list[FollowEdge]:
    """Newest first. Cost: 1 store call, offset + limit documents."""
    return get_store().get_following(uid, offset=offset, limit=limit)


def get_stats(uid: str) -> tuple[int, int]:
    """(followers, following), exact. Cost: 2 store calls."""
    return get_store().count_followers(uid), get_store().count_following(uid)


def get_mutuals(uid: str) -> list[str]:
    """Those whom they follow and who follow them, among their newest 1,000 follows. Cost: 2 store calls."""
    followed = [edge.uid for edge in get_store().get_following(uid, limit=MAX_MUTUALS_READ)]
    back = get_store().get_existing_edges([(other, uid) for other in followed])
    return [other for other in followed if (other, uid) in back]


def _set_block(uid: str, target: str, *, blocked: bool, now: float) -> tuple[Profile, Profile]:
    both = get_store().set_block(uid, target, blocked=blocked, due=now + backfill.SECOND_PURGE_DELAY_SECONDS)
    for profile in both:
        profiles.cache_profile(profile)
    return both


def _purge_now(uid: str, target: str) -> None:
    """At once, so that no page shows it again; if the store fails now, the job does it."""
    try:
        backfill.purge_author(uid, target)
    except StoreUnavailable:
        timeline_cache.remove_author(uid, target)
        logger.warning("what an ended follow brought waits for the store")
