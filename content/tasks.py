"""Celery's shells over content's services."""

from typing import Any

from celery import shared_task

from content.services import cards
from core.observability.tasks import QUIET


@shared_task(name="content.tasks.sweep_cards", soft_time_limit=120, time_limit=150, expires=60, **QUIET)
def sweep_cards(**_: Any) -> int:
    """Beat: write the cards that were left dirty."""
    return cards.write_stale_cards()
