"""Cards and facts in Redis: written after commit over older versions only, read with one MGET."""

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import F, Prefetch, QuerySet

from content import cards
from content.models import Item, ItemGenre
from content.types import Facts
from finishd.lib import keys
from finishd.lib.redis import Lua
from finishd.lib.redis import cards as redis

BATCH = 500
UNKNOWN_SECONDS = 30  # how long an id that the catalogue does not know is remembered as such

# KEYS: card, facts. ARGV: version, card, facts, ttl. An older or equal version gives way.
_WRITE = Lua("""
local header = redis.call('GETRANGE', KEYS[1], 0, 20)
local there = tonumber(string.match(header, '^(%d+)|'))
if there and there > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[4])
return 1
""")


def read(ids: Sequence[str]) -> list[bytes | None]:
    """The cards of these items in this order; None where an item is not published.

    Cost: 1 wait. For cards that Redis does not hold: 2 SQL queries and the waits of one write more.
    """
    return _read([keys.CARD.of(item=i) for i in ids], ids, part=0)


def read_facts(ids: Sequence[str]) -> dict[str, Facts]:
    """The facts of those of these items that are published. Cost: as `read`."""
    payloads = _read([keys.FACTS.of(item=i) for i in ids], ids, part=1)
    return {
        item_id: cards.unpack_facts(item_id, payload)
        for item_id, payload in zip(ids, payloads, strict=True)
        if payload is not None
    }


def write(ids: Sequence[str]) -> int:
    """Render these items anew from SQL; returns how many were written.

    Batches of 500: 2 SQL queries, one pipeline and one SQL update each. Unpublished items
    get a tombstone. Raises finishd.lib.redis.UNAVAILABLE; what was not written stays dirty.
    """
    return sum(len(_write_batch(list(ids[start : start + BATCH]))) for start in range(0, len(ids), BATCH))


def sweep(*, limit: int = 20 * BATCH) -> int:
    """Write the cards that a dying process or a missing Redis left behind; returns how many."""
    written = 0
    while written < limit:
        dirty = list(Item.objects.filter(carded_version__lt=F("version")).values_list("id", flat=True)[:BATCH])
        if not dirty:
            break
        written += write(dirty)
    return written


def rebuild() -> Iterator[int]:
    """Write every card of the catalogue anew, yielding how many so far; a batch in memory at a time."""
    done = 0
    last = ""
    while batch := list(Item.objects.filter(id__gt=last).order_by("id").values_list("id", flat=True)[:BATCH]):
        write(batch)
        last = batch[-1]
        done += len(batch)
        yield done


def _read(names: list[str], ids: Sequence[str], *, part: int) -> list[bytes | None]:
    if not names:
        return []
    values: list[bytes | None] = redis().mget(names)
    missing = [item_id for item_id, value in zip(ids, values, strict=True) if value is None]
    loaded = _read_through(missing) if missing else {}
    payloads = (
        cards.opened(value) if value is not None else loaded[item_id][part]
        for item_id, value in zip(ids, values, strict=True)
    )
    return [payload or None for payload in payloads]


def _read_through(ids: list[str]) -> dict[str, tuple[bytes, bytes]]:
    rendered = {i: (cards.NOTHING, cards.NOTHING) for i in ids}
    for start in range(0, len(ids), BATCH):
        rendered.update(_put(ids[start : start + BATCH]))
    return rendered


def _write_batch(ids: list[str]) -> list[str]:
    versions = dict(Item.objects.filter(id__in=ids).values_list("id", "version"))
    _put(list(versions))
    # Only up to the version that was rendered or a later one: a change that came between stays dirty.
    with transaction.atomic():
        for version in set(versions.values()):
            same = [i for i, v in versions.items() if v == version]
            Item.objects.filter(id__in=same, carded_version__lt=version).update(carded_version=version)
    return list(versions)


def _put(ids: list[str]) -> dict[str, tuple[bytes, bytes]]:
    """Render these ids from SQL into Redis, unless it holds newer; ids unknown to SQL are marked so."""
    rendered: dict[str, tuple[bytes, bytes]] = {}
    client = redis()
    pipe = client.pipeline()
    for item in _renderable(Item.objects.filter(id__in=ids)):
        published = item.status == Item.Status.PUBLISHED
        card = cards.card(item) if published else cards.NOTHING
        facts = cards.pack_facts(cards.facts(item)) if published else cards.NOTHING
        rendered[item.id] = (card, facts)
        _queue(pipe, item.id, item.version, card, facts, ttl=keys.CARD.ttl or 0)
    for item_id in ids:
        if item_id not in rendered:
            _queue(pipe, item_id, 0, cards.NOTHING, cards.NOTHING, ttl=UNKNOWN_SECONDS)
    pipe.execute()
    return rendered


def _queue(pipe: object, item_id: str, version: int, card: bytes, facts: bytes, *, ttl: int) -> None:
    _WRITE.run(
        pipe,  # type: ignore[arg-type]
        keys=[keys.CARD.of(item=item_id), keys.FACTS.of(item=item_id)],
        args=[version, cards.sealed(version, card), cards.sealed(version, facts), ttl],
    )


def _renderable(items: QuerySet[Item]) -> QuerySet[Item]:
    return items.prefetch_related(Prefetch("item_genres", ItemGenre.objects.select_related("genre")))
