"""Changes to the catalogue, each leaving cards and facts to follow after commit."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from content.models import Item
from content.services import cards, titles
from content.types import Counts
from core.redis.client import REDIS_UNAVAILABLE
from core.sql.after_commit import run_after_commit
from core.sql.json_rows import in_values

logger = logging.getLogger(__name__)

# One statement for many rows. Django's `bulk_update` is a CASE for each column, 30 times slower for 500 items.
_SET_COUNTS: Final = (
    "UPDATE content_item SET like_count = %s, view_count = %s, share_count = %s, version = version + 1 "
    "WHERE id = %s"
)


def queue_card_updates(ids: Sequence[str], *, title_keys: Sequence[str]) -> None:
    """Call in the transaction that changed these items: their cards follow after commit.

    Nothing is lost when that fails or the process dies first: the items stay dirty
    (`card_version < version`) and `content.tasks.sweep_cards` takes them up.
    """
    run_after_commit(_update_cards, list(ids), list(title_keys))


def _update_cards(ids: list[str], title_keys: list[str]) -> None:
    try:
        titles.invalidate(title_keys)
        cards.write_cards(ids)
    except REDIS_UNAVAILABLE:
        logger.warning("cards of %d items wait for Redis", len(ids))


def queue_card_removal(item: Item) -> None:
    """Call in the transaction that deletes an item, for shells and tests: staff archive instead."""
    run_after_commit(_remove_cards, item.id, item.title_key)


def _remove_cards(item_id: str, title_key: str) -> None:
    try:
        titles.invalidate([title_key])
        cards.delete_cards([item_id])
    except REDIS_UNAVAILABLE:
        logger.warning("the card of deleted item %s stays until it expires", item_id)


def set_status(ids: Sequence[str], status: Item.Status, *, now: datetime) -> int:
    """Publish, unpublish (draft) or archive; returns how many changed.

    Cost: 3 SQL per 500 ids, and after commit what their cards cost (see `cards.write_cards`).
    """
    changes: dict[str, Any] = {"status": status}
    if status == Item.Status.PUBLISHED:
        changes["published_at"] = Coalesce("published_at", Value(now))
    return _update_items(ids, ~Q(status=status), changes, now=now)


def set_boost(ids: Sequence[str], boost: int, *, now: datetime) -> int:
    """Set what indexes feel at their next rebuild; returns how many changed. Cost: as `set_status`."""
    return _update_items(ids, ~Q(staff_boost=boost), {"staff_boost": boost}, now=now)


def _update_items(ids: Sequence[str], differs: Q, changes: dict[str, Any], *, now: datetime) -> int:
    total = 0
    with transaction.atomic():
        for start in range(0, len(ids), cards.BATCH_SIZE):
            batch = Item.objects.filter(differs, id__in=ids[start : start + cards.BATCH_SIZE])
            rows = dict(batch.select_for_update().values_list("id", "title_key"))
            if rows:
                items = Item.objects.filter(id__in=rows)
                items.update(**changes, version=F("version") + 1, updated_at=now)
                queue_card_updates(list(rows), title_keys=list(rows.values()))
            total += len(rows)
    return total


def set_counts(counts: Mapping[str, Counts]) -> int:
    """Let cards tell how often items were liked, viewed and shared; returns how many changed.

    What tells so already is not touched, nor is `updated_at`, which is staff's. Cost: 1 SQL for up to 2,000 items;
    for each 500 of them that change one more in a transaction, and after commit what their cards cost.
    """
    there = Item.objects.filter(id__in=in_values(counts))
    columns = there.values_list("id", "like_count", "view_count", "share_count")
    differ = [item_id for item_id, *told in columns if counts[item_id] != tuple(told)]
    for start in range(0, len(differ), cards.BATCH_SIZE):
        batch = differ[start : start + cards.BATCH_SIZE]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(_SET_COUNTS, [(*counts[item_id], item_id) for item_id in batch])
            queue_card_updates(batch, title_keys=[])
    return len(differ)


def get_existing_ids(ids: Collection[str]) -> set[str]:
    """Which of up to 5,000 ids the catalogue has, whatever their status. Cost: 1 SQL."""
    return set(Item.objects.filter(id__in=in_values(ids)).values_list("id", flat=True))


def get_popular_ids(limit: int) -> list[str]:
    """The head of the catalogue straight from SQL, for when there is no index yet. Cost: 1 SQL."""
    return list(
        Item.objects.filter(status=Item.Status.PUBLISHED, hidden=False)
        .order_by("-popularity", "id")
        .values_list("id", flat=True)[:limit]
    )
