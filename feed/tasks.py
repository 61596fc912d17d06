"""Celery tasks; the logic is in `feed.services`."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from feed.services import builds


@shared_task(name="feed.tasks.rebuild_indexes", soft_time_limit=500, time_limit=540, expires=1200)
def rebuild_indexes(**_: Any) -> str:
    """Rebuild all indexes: periodically, when staff request it, or when Redis has no index. Only one run at a time."""
    try:
        return str(builds.rebuild_indexes(now=timezone.now()))
    except builds.RebuildInProgress:
        return "in progress"
