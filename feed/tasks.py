"""Celery's shells over feed's services."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from feed.services import builds

logger = logging.getLogger(__name__)


@shared_task(name="feed.tasks.rebuild_indexes", soft_time_limit=500, time_limit=540, expires=1200)
def rebuild_indexes(**_: Any) -> str:
    """Beat, staff and an emptied Redis: rebuild all indexes. Two at once: the second leaves."""
    try:
        return str(builds.rebuild(now=timezone.now()))
    except builds.Busy:
        return "busy"
