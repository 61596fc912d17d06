"""Cards and facts in Redis: written after commit over older versions only, read with one MGET."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection, transaction
from django.db.models import F, Prefetch, QuerySet

from content import card_format, keys
from content.models import Item, ItemGenre
from content.services import titles
from content.types import Facts
from core.redis.client import cache_redis
from core.redis.versioned import unpack_versioned, write_if_newer

BATCH_SIZE = 500
MISSING_ITEM_TTL = 30  # how long an id that the catalogue does not know is remembered as such

# One statement for many rows: versions drift apart, and an UPDATE for each is a round trip for each.
_SET_CARD_VERSION: Final = "UPDATE content_item SET card_version = %s WHERE id = %s AND card_version < %s"


class RenderedItem(NamedTuple):
    """An item as Redis is to hold it; both parts are empty when it is not published."""

    version: int
    card: bytes
    facts: bytes


MISSING_ITEM = RenderedItem(0, card_format.TOMBSTONE, card_format.TOMBSTONE)


def get_cards(ids: Sequence[str]) -> list[bytes | None]:
    """The cards of these items in this order; None where an item is not published.

    Cost: 1 wait. For cards that Redis does not hold: 2 SQL queries and the waits of one write more.
    """
    found = _read([keys.CARD.name(item=i) for i in ids], ids)
    return [(unpack_versioned(value) if isinstance(value, bytes) else value.card) or None for value in found]


def get_facts(ids: Sequence[str]) -> dict[str, Facts]:
    """The facts of those of these items that are published. Cost: as `get_cards`."""
    found = _read([keys.FACTS.name(item=i) for i in ids], ids)
    payloads = (unpack_versioned(value) if isinstance(value, bytes) else value.facts for value in found)
    return {
        item_id: card_format.unpack_facts(item_id, payload)
        for item_id, payload in zip(ids, payloads, strict=True)
        if payload
    }


def write_cards(ids: Sequence[str]) -> int:
    """Render these items anew from SQL; returns how many were written.

    Batches of 500: 2 SQL queries, one pipeline and one SQL update each. Unpublished items
    get a tombstone. Raises core.redis.client.UNAVAILABLE; what was not written stays dirty.
    """
    return sum(_write_batch(ids[start : start + BATCH_SIZE]) for start in range(0, len(ids), BATCH_SIZE))


def delete_cards(ids: Iterable[str]) -> None:
    """Drop the cards and facts of items that are deleted, not only unpublished. Cost: 1 wait."""
    names = [key.name(item=item_id) for item_id in ids for key in (keys.CARD, keys.FACTS)]
    if names:
        cache_redis().unlink(*names)


def write_stale_cards(*, limit: int = 20 * BATCH_SIZE) -> int:
    """Write the cards that a dying process or a missing Redis left behind; returns how many."""
    written = 0
    while written < limit:
        dirty = dict(
            Item.objects.filter(card_version__lt=F("version")).values_list("id", "title_key")[:BATCH_SIZE]
        )
        if not dirty:
            break
        # Whoever left the card behind may have left the title's list behind too.
        titles.invalidate(dirty.values())
        written += write_cards(list(dirty))
    return written


def count_stale_cards() -> int:
    """Return the number of stale cards. Cost: 1 SQL query."""
    return Item.objects.filter(card_version__lt=F("version")).count()


def rebuild_cards() -> Iterator[int]:
    """Write every card of the catalogue anew, yielding how many so far; a batch in memory at a time."""
    done = 0
    last = ""
    while batch := list(
        Item.objects.filter(id__gt=last).order_by("id").values_list("id", flat=True)[:BATCH_SIZE]
    ):
        write_cards(batch)
        last = batch[-1]
        done += len(batch)
        yield done


def _read(names: list[str], ids: Sequence[str]) -> list[bytes | RenderedItem]:
    """What Redis holds under these names, or what SQL says where it holds nothing."""
    if not names:
        return []
    values: list[Any] = cache_redis().mget(names)
    missing = [item_id for item_id, value in zip(ids, values, strict=True) if value is None]
    if not missing:
        return values
    loaded: dict[str, RenderedItem] = {}
    for start in range(0, len(missing), BATCH_SIZE):
        loaded.update(_render_and_cache(missing[start : start + BATCH_SIZE]))
    return [loaded[i] if value is None else value for i, value in zip(ids, values, strict=True)]


def _write_batch(ids: Sequence[str]) -> int:
    versions = [
        (r.version, item_id) for item_id, r in _render_and_cache(ids).items() if r is not MISSING_ITEM
    ]
    # Only up to the version that was rendered: a change that came between stays dirty.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_SET_CARD_VERSION, [(version, item_id, version) for version, item_id in versions])
    return len(versions)


def _render_and_cache(ids: Sequence[str]) -> dict[str, RenderedItem]:
    """Render these ids from SQL into Redis, unless it holds newer; ids unknown to SQL are marked so."""
    rendered = dict.fromkeys(ids, MISSING_ITEM)
    rendered.update((item.id, _render(item)) for item in _renderable(Item.objects.filter(id__in=ids)))
    pipe = cache_redis().pipeline()
    for item_id, value in rendered.items():
        _queue(pipe, item_id, value, ttl=MISSING_ITEM_TTL if value is MISSING_ITEM else keys.CARD.ttl or 0)
    pipe.execute()
    return rendered


def _render(item: Item) -> RenderedItem:
    if item.status != Item.Status.PUBLISHED:
        return RenderedItem(item.version, card_format.TOMBSTONE, card_format.TOMBSTONE)
    return RenderedItem(
        item.version, card_format.render_card(item), card_format.pack_facts(card_format.make_facts(item))
    )


def _queue(pipe: Any, item_id: str, value: RenderedItem, *, ttl: int) -> None:
    payloads = {keys.CARD.name(item=item_id): value.card, keys.FACTS.name(item=item_id): value.facts}
    write_if_newer(pipe, payloads, version=value.version, ttl=ttl)


def _renderable(items: QuerySet[Item]) -> QuerySet[Item]:
    return items.prefetch_related(Prefetch("item_genres", ItemGenre.objects.select_related("genre")))
