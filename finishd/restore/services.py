"""Make Redis agree with SQL and the activity store, after one of the three was restored from a backup.

Redis holds copies with versions. A copy that is newer than its restored original would never be replaced, so all
copies are deleted, and made again from the original. Each step is idempotent.
"""

from collections import Counter
from datetime import datetime

from activity.services import privacy
from core.redis.client import get_databases
from core.redis.derived import delete_derived_keys
from finishd.privacy import erasures


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
    """Request the erasures of the last day again, which the backup may lack, and return their number.

    Redis keeps the uid of a person who was erased for a day. Cost: 1 round trip per 500 keys, and for each erasure
    1 SQL transaction and 1 message.
    """
    uids = sorted(privacy.get_recently_erased())
    if not is_dry_run:
        for uid in uids:
            erasures.request_erasure(uid, now=now)
    return len(uids)
