"""Celery tasks of content. The logic is in `content.services`."""

from typing import Any

from celery import shared_task

from content.services import cards
from core.observability.tasks import QUIET


@shared_task(name="content.tasks.sweep_cards", soft_time_limit=120, time_limit=150, expires=60, **QUIET)
def sweep_cards(**_: Any) -> int:
    """Write stale cards. Beat runs this every minute."""
    return cards.write_stale_cards()
