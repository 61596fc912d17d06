"""Cards and facts in Redis.

Readers load missing ones from SQL, and cache them unless Redis rejects writes. Writers never replace a newer version
(see `core.redis.versioned`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from django.db import connection, transaction
from django.db.models import F, Prefetch, QuerySet

from content import card_format, keys
from content.models import Item, ItemGenre
from content.services import titles
from content.types import Facts
from core.redis import rejections
from core.redis.client import cache_redis
from core.redis.keys import Key
from core.redis.versioned import unpack_versioned, write_if_newer
from core.times import to_datetime

T = TypeVar("T")

BATCH_SIZE = 500
MISSING_ITEM_TTL = 30  # seconds for which an id that is not in the catalogue is cached as missing

# For `executemany`: every item has its own version.
_SET_CARD_VERSION: Final = "UPDATE content_item SET card_version = %s WHERE id = %s AND card_version < %s"


class RenderedItem(NamedTuple):
    """The payloads of an item for Redis. Both are tombstones if the item is not published."""

    version: int
    card: bytes
    facts: bytes


class NewerCards(Exception):
    """Redis has newer versions of some items than SQL. Their number is in the message."""


class _Written(NamedTuple):
    """The number of items whose cards were written, and those of which Redis has a newer version."""

    number: int
    newer: list[str]


TOMBSTONE: Final = card_format.TOMBSTONE
MISSING_ITEM = RenderedItem(0, TOMBSTONE, TOMBSTONE)


def get_cards(ids: Sequence[str]) -> list[bytes | None]:
    """Return the cards of these items in this order, with None for items that are not published.

    Cost: 1 round trip. If cards are not cached, another 2 SQL queries and 1 pipeline per 500 of them; 1 more round trip
    if cards are unreadable.
    """
    return _read(keys.CARD, ids, card_format.unpack_card, lambda rendered: rendered.card)


def get_titles(ids: Sequence[str]) -> list[str | None]:
    """Return the title in the card of each item, None for items that are not published. Cost: as `get_cards`."""
    return [card_format.get_title(card) if card else None for card in get_cards(ids)]


def get_facts(ids: Sequence[str]) -> dict[str, Facts]:
    """Return the facts of these items by id, without those that are not published. Cost: as `get_cards`."""
    found = _read(keys.FACTS, ids, card_format.unpack_facts, lambda rendered: rendered.facts)
    return {item_id: facts for item_id, facts in zip(ids, found, strict=True) if facts is not None}


def write_cards(ids: Sequence[str]) -> int:
    """Render the cards and facts of these items from SQL, write them to Redis, and return their number.

    Items that are not published get tombstones. Raises REDIS_UNAVAILABLE; cards that were not written
    stay stale. Cost: 2 SQL queries, 1 pipeline and 1 SQL update per 500 items.
    """
    starts = range(0, len(ids), BATCH_SIZE)
    return sum(_write_batch(ids[start : start + BATCH_SIZE]).number for start in starts)


def delete_cards(ids: Iterable[str]) -> None:
    """Delete the cards and facts of deleted items. Cost: 1 round trip.

    Items that are only unpublished need a tombstone instead: see `write_cards`.
    """
    names = [key.name(item=item_id) for item_id in ids for key in (keys.CARD, keys.FACTS)]
    if names:
        cache_redis().unlink(*names)


def write_stale_cards(*, limit: int = 20 * BATCH_SIZE) -> int:
    """Write stale cards, and return their number. It stops at the first batch that reaches `limit`.

    Cards are stale if a process died, or if Redis was unavailable, after the item changed.
    Raises REDIS_UNAVAILABLE. Cost: 1 SQL query if no card is stale; else per 500 cards 1 SQL query,
    1 round trip and the cost of `write_cards`.
    """
    written = 0
    while written < limit:
        stale = dict(
            Item.objects.filter(card_version__lt=F("version")).values_list("id", "title_key")[:BATCH_SIZE]
        )
        if not stale:
            break
        # The process that left the card stale may not have invalidated the title's list either.
        titles.invalidate(stale.values())
        written += write_cards(list(stale))
    return written


def write_changed_cards(*, since: float) -> int:
    """Write the cards of the items that changed since a time (epoch seconds), and return their number.

    For a Redis that may have lost them. Cost: 1 SQL query and the cost of `write_cards` for 500 items.
    """
    changed = Item.objects.filter(updated_at__gte=to_datetime(since)).order_by("pk")
    keys_by_id = dict(changed.values_list("id", "title_key"))
    titles.invalidate(keys_by_id.values())
    return write_cards(list(keys_by_id))


def count_stale_cards() -> int:
    """Return the number of stale cards. Cost: 1 SQL query."""
    return Item.objects.filter(card_version__lt=F("version")).count()


def rebuild_cards() -> Iterator[int]:
    """Write the cards of all items in batches, and yield the number of cards written so far.

    Raises NewerCards at the end if Redis kept some, which only a restore of SQL from a backup can cause.
    """
    written = newer = 0
    last = ""
    while batch := list(
        Item.objects.filter(id__gt=last).order_by("id").values_list("id", flat=True)[:BATCH_SIZE]
    ):
        kept = _write_batch(batch).newer
        # SQL has the new version of an item that changed meanwhile.
        kept = _write_batch(kept).newer if kept else kept
        last = batch[-1]
        newer += len(kept)
        written += len(batch) - len(kept)
        yield written
    if newer:
        raise NewerCards(f"{newer} cards in Redis are newer than their items in SQL")


def _read(
    key: Key,
    ids: Sequence[str],
    unpack: Callable[[str, bytes], T | None],
    get_payload: Callable[[RenderedItem], bytes],
) -> list[T | None]:
    """Return the unpacked payload of each item, None for tombstones. Load those that are missing or unreadable."""
    if not ids:
        return []
    values: list[Any] = cache_redis().mget([key.name(item=item_id) for item_id in ids])
    payloads = [None if value is None else unpack_versioned(value) for value in values]
    found = [payload and unpack(i, payload) for i, payload in zip(ids, payloads, strict=True)]
    missing = [
        index for index, payload in enumerate(payloads) if found[index] is None and payload != TOMBSTONE
    ]
    if missing:
        # A write would not replace an unreadable value of a newer version.
        with rejections.skipping("cache"):
            delete_cards(ids[index] for index in missing if values[index] is not None)
        loaded = _load([ids[index] for index in missing])
        for index in missing:
            payload = get_payload(loaded[ids[index]])
            found[index] = unpack(ids[index], payload) if payload else None
    return [value or None for value in found]


def _load(ids: Sequence[str]) -> dict[str, RenderedItem]:
    loaded: dict[str, RenderedItem] = {}
    for start in range(0, len(ids), BATCH_SIZE):
        rendered = _render_items(ids[start : start + BATCH_SIZE])
        with rejections.skipping("cache"):
            _cache(rendered)
        loaded.update(rendered)
    return loaded


def _write_batch(ids: Sequence[str]) -> _Written:
    rendered = _render_items(ids)
    newer = _cache(rendered)
    versions = [(r.version, item_id) for item_id, r in rendered.items() if r is not MISSING_ITEM]
    # The rendered version, not the current one: a card that changed meanwhile stays stale.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(_SET_CARD_VERSION, [(version, item_id, version) for version, item_id in versions])
    return _Written(len(versions), newer)


def _render_items(ids: Sequence[str]) -> dict[str, RenderedItem]:
    """Render these items from SQL. Ids that are not in the catalogue are missing items."""
    rendered = dict.fromkeys(ids, MISSING_ITEM)
    rendered.update((item.id, _render(item)) for item in _renderable(Item.objects.filter(id__in=ids)))
    return rendered


def _cache(rendered: Mapping[str, RenderedItem]) -> list[str]:
    """Write rendered items to Redis, except where Redis has a newer version, and return the ids of these."""
    pipe = cache_redis().pipeline()
    for item_id, value in rendered.items():
        _queue(pipe, item_id, value, ttl=MISSING_ITEM_TTL if value is MISSING_ITEM else keys.CARD.ttl or 0)
    return [item_id for item_id, is_written in zip(rendered, pipe.execute(), strict=True) if not is_written]


def _render(item: Item) -> RenderedItem:
    if item.status != Item.Status.PUBLISHED:
        return RenderedItem(item.version, TOMBSTONE, TOMBSTONE)
    return RenderedItem(
        item.version, card_format.render_card(item), card_format.pack_facts(card_format.make_facts(item))
    )


def _queue(pipe: Any, item_id: str, value: RenderedItem, *, ttl: int) -> None:
    payloads = {keys.CARD.name(item=item_id): value.card, keys.FACTS.name(item=item_id): value.facts}
    write_if_newer(pipe, payloads, version=value.version, ttl=ttl)


def _renderable(items: QuerySet[Item]) -> QuerySet[Item]:
    return items.prefetch_related(Prefetch("item_genres", ItemGenre.objects.select_related("genre")))
