"""Changes to the catalogue, each leaving cards and facts to follow after commit."""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from content.models import Item
from content.services import cards, titles
from finishd.lib.redis import UNAVAILABLE

logger = logging.getLogger(__name__)


def stamp(item: Item) -> None:
    """Before a save: raise the version (in SQL, so that two savers never share one) and date the first publishing."""
    if not item._state.adding:
        item.version = F("version") + 1  # type: ignore[assignment]
    if item.status == Item.Status.PUBLISHED and item.published_at is None:
        item.published_at = timezone.now()


def changed(ids: Sequence[str], *, titles: Sequence[str]) -> None:
    """Call in the transaction that changed these items: their cards follow after commit.

    Nothing is lost when that fails or the process dies first: the items stay dirty
    (`carded_version < version`) and `content.tasks.sweep_cards` takes them up.
    """
    transaction.on_commit(partial(_follow, list(ids), list(titles)))


def _follow(ids: list[str], title_keys: list[str]) -> None:
    try:
        cards.write(ids)
        titles.forget(title_keys)
    except UNAVAILABLE:
        logger.warning("cards of %d items wait for Redis", len(ids))


def set_status(ids: Sequence[str], status: Item.Status, *, now: datetime) -> int:
    """Publish, unpublish (draft) or archive; returns how many changed. Cost: 2-3 SQL, 1 wait after commit."""
    with transaction.atomic():
        rows = list(
            Item.objects.select_for_update()
            .filter(id__in=ids)
            .exclude(status=status)
            .values_list("id", "title_key")
        )
        touched = [row[0] for row in rows]
        items = Item.objects.filter(id__in=touched)
        if status == Item.Status.PUBLISHED:
            items.filter(published_at=None).update(published_at=now)
        items.update(status=status, version=F("version") + 1, updated_at=now)
        changed(touched, titles=[row[1] for row in rows])
    return len(touched)


def set_boost(ids: Sequence[str], boost: int, *, now: datetime) -> int:
    """Set staff's boost; felt in indexes at their next rebuild. Returns how many changed."""
    with transaction.atomic():
        rows = list(Item.objects.filter(id__in=ids).exclude(staff_boost=boost).values_list("id", "title_key"))
        touched = [row[0] for row in rows]
        Item.objects.filter(id__in=touched).update(
            staff_boost=boost, version=F("version") + 1, updated_at=now
        )
        changed(touched, titles=[row[1] for row in rows])
    return len(touched)


def popular_ids(limit: int) -> list[str]:
    """The head of the catalogue straight from SQL, for when there is no index yet. Cost: 1 SQL."""
    return list(
        Item.objects.filter(status=Item.Status.PUBLISHED, hidden=False)
        .order_by("-popularity", "id")
        .values_list("id", flat=True)[:limit]
    )
