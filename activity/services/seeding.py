"""Load people and their history at once, without workers: for the demo world.

Each function leaves the stores, the caches and the timelines as they are after all jobs have run.
"""

from activity.services import backfill, presence, profiles
from activity.store import get_store
from activity.types import Job, Profile, Relation


def record_past_activity(uid: str, title: str, relation: Relation, *, at: float) -> None:
    """Record that a person acted on a title at `at` (epoch seconds), without delivering it to followers.

    Cost: 2 store calls. Raises StoreUnavailable.
    """
    recorded = get_store().record_relation(uid, title, relation, now=at, due=at)
    get_store().finish_job(Job("deliver", uid, title, recorded.activity.version))


def follow_with_backfill(uid: str, followee: str, *, now: float) -> None:
    """Follow a person and backfill the follower's timeline. Idempotent.

    Cost: 2 store calls, and those of `backfill.sync_author_rows`. Raises StoreUnavailable, Blocked or LimitReached.
    """
    profile, _ = get_store().follow(uid, followee, now=now, due=now)
    backfill.sync_author_rows(uid, followee)
    get_store().finish_job(Job("backfill", uid, followee, profile.version))


def activate(uid: str) -> None:
    """Mark a person active and cache their profile. Cost: 1 store call, 2 round trips. Raises StoreUnavailable."""
    profiles.cache_profile(get_store().get_profile(uid) or Profile(uid))
    presence.mark_active(uid)
