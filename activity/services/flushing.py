"""Carrying what is pending to the activity store: at most one write per viewer in HISTORY_FLUSH_SECONDS."""

import logging
import time
from typing import Final

from activity.services import history, pending, profiles
from activity.store import get_store
from activity.types import StoreUnavailable

VIEWERS_AT_ONCE: Final = 200

logger = logging.getLogger(__name__)


def flush(*, now: float, until: float) -> int:
    """Bring the store what is due, until nothing is or `until` (monotonic seconds) comes; how many viewers.

    May run twice at once: a viewer is claimed by one. A store that gives no answer ends it with a line in the log;
    who was claimed is due again in HISTORY_FLUSH_SECONDS, all others at the next call.
    Cost: 1 SQL for 200 viewers; for each 3 SQL, 1 store call with 2 documents, 2 waits.
    """
    flushed = 0
    while viewers := pending.due(now=now, limit=VIEWERS_AT_ONCE):
        for uid in viewers:
            if time.monotonic() > until:
                return flushed
            try:
                flushed += _carry(uid, now=now)
            except StoreUnavailable as reason:
                logger.warning("seen histories wait: the activity store gives no answer (%s)", reason)
                return flushed
    return flushed


def _carry(uid: str, *, now: float) -> bool:
    """One viewer's rows. Dying behind any of these lines loses nothing, and repeats what adds nothing."""
    rows = pending.claim(uid, now=now)
    if not rows:
        return False
    profile = get_store().add_history(uid, [pending.slice_of(row) for row in rows])
    profiles.write(profile)
    history.forget(uid)
    pending.drop(rows)
    return True
