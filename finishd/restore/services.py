"""Make Redis agree with SQL and the activity store, after one of the three was restored from a backup.

Redis holds copies with versions. A copy that is newer than its restored original would never be replaced, so all
copies are deleted, and made again from the original. Each step is idempotent.
"""

from collections import Counter
from datetime import datetime

from activity.services import privacy
from core.redis.client import get_databases
from core.redis.derived import delete_derived_keys
from finishd.privacy import erasures, recent


def delete_copies(*, is_dry_run: bool) -> Counter[str]:
    """Delete the derived keys of all databases, and return their number by pattern; a dry run only counts them.

    This includes the marks of active viewers: their timelines are built again when they return.
    Cost: 2 round trips per 500 keys. Raises Redis errors.
    """
    deleted: Counter[str] = Counter()
    for client in get_databases():
        deleted += delete_derived_keys(client, is_dry_run=is_dry_run)
    return deleted


def repeat_erasures(*, now: datetime, is_dry_run: bool) -> int:
    """Request the erasures of the last 30 days again that the backup lacks, and return their number.

    These are the erasures of people who are in the activity store again, and those that were interrupted.
    Cost: 1 round trip per 500 keys, 1 store call per 500 people, and for each erasure 1 SQL transaction and 1 message.
    Raises StoreUnavailable and Redis's errors.
    """
    uids = sorted({*privacy.get_unfinished_erasures(), *recent.iterate_erased_people(now=now)})
    if not is_dry_run:
        for uid in uids:
            erasures.request_erasure(uid, now=now)
    return len(uids)
