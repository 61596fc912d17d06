"""Who wants nothing of whom. Plans of both leave the other out from the next session on."""

from activity.services import profiles
from activity.store import store


def block(uid: str, target: str) -> None:
    """Idempotent. Raises ValueError for oneself and past 1,000 people, StoreUnavailable.

    Cost: 1 store call, 2 waits.
    """
    _set(uid, target, blocked=True)


def unblock(uid: str, target: str) -> None:
    """As `block`, the other way round."""
    _set(uid, target, blocked=False)


def _set(uid: str, target: str, *, blocked: bool) -> None:
    if uid == target:
        raise ValueError("blocking oneself")
    for profile in store().set_block(uid, target, blocked=blocked):
        profiles.write(profile)
