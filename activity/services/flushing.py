"""Carrying what is pending to the activity store: at most one write per viewer in HISTORY_FLUSH_SECONDS."""

import logging
import time
from typing import Final

from activity.services import history, pending_history, profiles
from activity.store import get_store
from activity.types import StoreUnavailable

VIEWERS_PER_BATCH: Final = 200

logger = logging.getLogger(__name__)


def flush(*, now: float, until: float) -> int:
    """Bring the store what is due, until nothing is or `until` (monotonic seconds) comes; how many viewers.

    May run twice at once: a viewer is claimed by one. A store that gives no answer ends it with a line in the log;
    who was claimed is due again in HISTORY_FLUSH_SECONDS, all others at the next call.
    Cost: 1 SQL for 200 viewers; for each 3 SQL, 1 store call with 2 documents, 2 waits.
    """
    flushed = 0
    while viewers := pending_history.get_due_uids(now=now, limit=VIEWERS_PER_BATCH):
        for uid in viewers:
            if time.monotonic() > until:
                return flushed
            try:
                flushed += _flush_viewer(uid, now=now)
            except StoreUnavailable as reason:
                logger.warning("seen histories wait: the activity store gives no answer (%s)", reason)
                return flushed
    return flushed


def _flush_viewer(uid: str, *, now: float) -> bool:
    """One viewer's rows. Dying behind any of these lines loses nothing, and repeats what adds nothing."""
    rows = pending_history.lease_rows(uid, now=now)
    if not rows:
        return False
    profile = get_store().apply_history(uid, [pending_history.to_delta(row) for row in rows])
    profiles.cache_profile(profile)
    history.invalidate(uid)
    pending_history.delete(rows)
    return True
