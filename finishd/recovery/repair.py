"""Repair what Redis lost and what carries no stamp: messages of jobs, and cards of changed items.

Timelines, profiles, seen items and names carry the stamp of their server and are loaded again when they are read. The
rows of deliveries, undos, unfollows and blocks are in the store before Redis has them. What is left are the jobs whose
messages were lost: they run again now, not when they are due.
"""

import logging
from typing import Final

from activity.services import sweep
from content.services import cards
from finishd.recovery.models import RedisLoss

MARGIN_SECONDS: Final = 10.0  # the clocks of the processes differ by less
logger = logging.getLogger(__name__)


def repair(pk: int, *, now: float) -> bool:
    """Repair a loss and return whether it was unrepaired. Idempotent: a repair that was killed begins again.

    Raises StoreUnavailable, and the errors of Redis and SQL.
    """
    loss = RedisLoss.objects.filter(pk=pk, repaired_at=None).first()
    if loss is None:
        return False
    jobs = sweep.queue_unfinished_jobs(now=now)
    written = cards.write_changed_cards(since=loss.survived_at - MARGIN_SECONDS)
    RedisLoss.objects.filter(pk=pk, repaired_at=None).update(repaired_at=now)
    logger.info("redis: repair done: %s jobs queued again, %s cards written", jobs, written)
    return True
