"""Changes of items. Cards and facts are updated after the commit."""

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
from core.outages import REDIS_UNAVAILABLE
from core.sql.after_commit import run_after_commit
from core.sql.json_rows import in_values

logger = logging.getLogger(__name__)

# For `executemany`. Django's `bulk_update` needs 30 times as long for 500 items: it builds a CASE per column.
_SET_COUNTS: Final = (
    "UPDATE content_item SET like_count = %s, view_count = %s, share_count = %s, version = version + 1 "
    "WHERE id = %s"
)


def queue_card_updates(ids: Sequence[str], *, title_keys: Sequence[str]) -> None:
    """Write the cards of changed items after the commit. Call this in the transaction that changes them.

    If that fails, or if the process dies first, the cards stay stale (`card_version < version`),
    and `content.tasks.sweep_cards` writes them. `title_keys` are the keys before and after the change.
    """
    run_after_commit(_update_cards, list(ids), list(title_keys))


def _update_cards(ids: list[str], title_keys: list[str]) -> None:
    try:
        titles.invalidate(title_keys)
        cards.write_cards(ids)
    except REDIS_UNAVAILABLE as reason:
        logger.warning("cache Redis unavailable: %d stale cards; the sweep will retry: %s", len(ids), reason)


def queue_card_removal(item: Item) -> None:
    """Delete the card of a deleted item after the commit.

    Call this in the transaction that deletes the item. Staff cannot delete items, only archive them.
    """
    run_after_commit(_remove_cards, item.id, item.title_key)


def _remove_cards(item_id: str, title_key: str) -> None:
    try:
        titles.invalidate([title_key])
        cards.delete_cards([item_id])
    except REDIS_UNAVAILABLE:
        logger.warning("cache Redis unavailable: the card of deleted item %s stays until it expires", item_id)


def set_status(ids: Sequence[str], status: Item.Status, *, now: datetime) -> int:
    """Set the status of these items and return the number of items that changed.

    Cost: 3 SQL queries per 500 ids, and after the commit the cost of `cards.write_cards`.
    """
    changes: dict[str, Any] = {"status": status}
    if status == Item.Status.PUBLISHED:
        changes["published_at"] = Coalesce("published_at", Value(now))
    return _update_items(ids, ~Q(status=status), changes, now=now)


def set_boost(ids: Sequence[str], boost: int, *, now: datetime) -> int:
    """Set the staff boost of these items and return the number of items that changed.

    The boost applies from the next index rebuild on. Cost: as `set_status`.
    """
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
    """Set the counts that items' cards show, and return the number of items that changed.

    Items whose counts do not differ are not written. `updated_at` stays, because it is the time of staff's
    last change. Cost: 1 SQL query for up to 2,000 items; for each 500 items that change, 1 statement in a
    transaction, and after the commit the cost of `cards.write_cards`.
    """
    stored = Item.objects.filter(id__in=in_values(counts))
    columns = stored.values_list("id", "like_count", "view_count", "share_count")
    differ = [item_id for item_id, *stored_counts in columns if counts[item_id] != tuple(stored_counts)]
    for start in range(0, len(differ), cards.BATCH_SIZE):
        batch = differ[start : start + cards.BATCH_SIZE]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(_SET_COUNTS, [(*counts[item_id], item_id) for item_id in batch])
            queue_card_updates(batch, title_keys=[])
    return len(differ)


def count_items() -> int:
    """Return the number of items with any status. Cost: 1 SQL query."""
    return Item.objects.count()


def get_existing_ids(ids: Collection[str]) -> set[str]:
    """Return those of up to 5,000 ids that are in the catalogue, with any status. Cost: 1 SQL query."""
    return set(Item.objects.filter(id__in=in_values(ids)).values_list("id", flat=True))


def get_popular_ids(limit: int) -> list[str]:
    """Return the most popular items from SQL, for feeds without an index. Cost: 1 SQL query."""
    return list(
        Item.objects.filter(status=Item.Status.PUBLISHED, hidden=False)
        .order_by("-popularity", "id")
        .values_list("id", flat=True)[:limit]
    )
