"""Celery's shells over content's services."""

from typing import Any

from celery import shared_task

from content.services import cards


@shared_task(name="content.tasks.sweep_cards", soft_time_limit=120, time_limit=150, expires=60)
def sweep_cards(**_: Any) -> int:
    """Beat: write the cards that were left dirty."""
    return cards.write_stale_cards()
