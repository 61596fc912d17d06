"""The task that repairs a loss; the logic is in `finishd.recovery.repair`."""

import time
from typing import Any

from celery import shared_task

from finishd.recovery import repair as repairs


@shared_task(name="finishd.recovery.tasks.repair", soft_time_limit=300, time_limit=330)
def repair(pk: int, **_: Any) -> None:
    """Repair what Redis lost. Beat sends this again until the repair is done."""
    repairs.repair(pk, now=time.time())
