"""Celery tasks of erasures; the logic is in `finishd.privacy.erasures`."""

import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from activity.types import StoreUnavailable
from core.observability.tasks import QUIET
from core.outages import REDIS_UNAVAILABLE
from finishd.privacy import erasures

ERASE_SLICE_SECONDS = 60.0  # after this time a task queues its continuation, so that other tasks can run


@shared_task(
    name="finishd.privacy.tasks.erase",
    autoretry_for=(StoreUnavailable, *REDIS_UNAVAILABLE),
    max_retries=3,
    retry_backoff=2,
    retry_backoff_max=10,
)
def erase(pk: int, **_: Any) -> None:
    """Work on an erasure for `ERASE_SLICE_SECONDS`, and queue the rest."""
    if not erasures.run_erasure(pk, now=timezone.now(), until=time.monotonic() + ERASE_SLICE_SECONDS):
        erase.delay(pk)


@shared_task(
    name="finishd.privacy.tasks.sweep_erasures", soft_time_limit=20, time_limit=30, expires=50, **QUIET
)
def sweep_erasures(**_: Any) -> int:
    """Queue the erasures that are due. Beat runs this each minute."""
    return erasures.sweep_erasures(now=timezone.now())
