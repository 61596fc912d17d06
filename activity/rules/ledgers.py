"""Changes of a delivery's ledger.

The cursor names a follower, so it is kept only while batches remain. An erasure clears the cursors that name the erased
person. Such a delivery starts again with the first follower: rows are idempotent, so no follower is left out. Without a
cursor a ledger therefore does not tell whether its delivery has finished. Its job does.
"""

from collections.abc import Sequence
from dataclasses import replace

from activity.types import Activity, Ledger


def add_batch(ledger: Ledger, followers: Sequence[str], *, is_last: bool, now: float) -> Ledger:
    """Return the ledger after a batch of followers, in the order of uids. After the last batch its cursor is empty."""
    delivered_before = ledger.delivered_count if ledger.cursor else 0
    return replace(
        ledger,
        delivered_count=delivered_before + len(followers),
        cursor="" if is_last else followers[-1],
        updated_at=now,
    )


def is_unstarted(activity: Activity) -> bool:
    """Return whether no batch of this activity has been delivered yet."""
    return activity.version > 0 and activity.ledger.started_at is None


def is_started_without_cursor(ledger: Ledger) -> bool:
    """Return whether the delivery has finished or must start again. The existence of its job says which."""
    return ledger.started_at is not None and not ledger.cursor
