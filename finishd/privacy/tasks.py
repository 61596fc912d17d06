"""Celery's shells over what concerns the whole."""

import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from activity.types import StoreUnavailable
from core.observability.tasks import QUIET
from core.redis.client import REDIS_UNAVAILABLE
from finishd.privacy import erasures

ERASED_FOR = 60.0  # seconds that one message works before it makes way for others


@shared_task(
    name="finishd.privacy.tasks.erase",
    autoretry_for=(StoreUnavailable, *REDIS_UNAVAILABLE),
    max_retries=3,
    retry_backoff=2,
    retry_backoff_max=10,
)
def erase(pk: int, **_: Any) -> None:
    """A stretch of an erasure; the next one is the next message."""
    if not erasures.carry_out(pk, now=timezone.now(), until=time.monotonic() + ERASED_FOR):
        erase.delay(pk)


@shared_task(
    name="finishd.privacy.tasks.resume_erasures", soft_time_limit=20, time_limit=30, expires=50, **QUIET
)
def resume_erasures(**_: Any) -> int:
    """Beat: erasures whose message was lost, and those due for a second look."""
    return erasures.resume(now=timezone.now())
