"""The published items of a title, cached in Redis for five minutes."""

from collections.abc import Iterable, Sequence

import orjson
from django.db.models import Case, IntegerField, Value, When

from content import keys
from content.models import Item
from core.codecs import decode
from core.redis import rejections
from core.redis.client import cache_redis
from core.redis.reads import Read

MAX_ITEMS_PER_TITLE = 20


def get_items(title_keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the published items of each title: trailers first, then the newest first.

    Hidden items are left out. A title without items has an empty list.
    Cost: 1 round trip; if titles are not cached, another 1 SQL query and 1 round trip.
    """
    return read(title_keys).fetch(cache_redis())


def read(title_keys: Iterable[str]) -> Read[dict[str, list[str]]]:
    """Return a read of titles' items from the cache Redis. Its value is that of `get_items`.

    Accessing the value costs nothing when all titles are cached, else 1 SQL query and 1 round trip.
    """
    wanted = list(dict.fromkeys(title_keys))
    if not wanted:
        return Read(lambda pipe: None, dict)
    names = [_key(title_key) for title_key in wanted]
    return Read(lambda pipe: pipe.mget(names), lambda cached: _decode(wanted, cached))


def _decode(title_keys: Sequence[str], cached: Sequence[bytes | None]) -> dict[str, list[str]]:
    decoded = zip(title_keys, map(unpack, cached), strict=True)
    items = {title_key: ids for title_key, ids in decoded if ids is not None}
    missing = [title_key for title_key in title_keys if title_key not in items]
    if missing:
        loaded = _load(missing)
        pipe = cache_redis().pipeline()
        for title_key, ids in loaded.items():
            pipe.set(_key(title_key), pack(ids), ex=keys.TITLE_ITEMS.ttl)
        with rejections.skipping("cache"):
            pipe.execute()
        items.update(loaded)
    return items


def pack(ids: Sequence[str]) -> bytes:
    return orjson.dumps(ids)


def unpack(raw: bytes | None) -> list[str] | None:
    """Return a cached list, None if there is none or it is unreadable."""
    return decode(list[str], raw)


def invalidate(title_keys: Iterable[str]) -> None:
    """Delete the cached lists of these titles. The next reader loads them. Cost: 1 round trip."""
    names = [_key(title_key) for title_key in set(title_keys)]
    if names:
        cache_redis().unlink(*names)


def _key(title_key: str) -> str:
    return keys.TITLE_ITEMS.name(title=title_key)


def _load(title_keys: list[str]) -> dict[str, list[str]]:
    trailers_first = Case(
        When(content_type="trailer", then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    rows = (
        Item.objects.filter(title_key__in=title_keys, status=Item.Status.PUBLISHED, hidden=False)
        .order_by("title_key", trailers_first, "-published_at", "id")
        .values_list("title_key", "id")
    )
    lists: dict[str, list[str]] = {title_key: [] for title_key in title_keys}
    for title_key, item_id in rows:
        if len(lists[title_key]) < MAX_ITEMS_PER_TITLE:
            lists[title_key].append(item_id)
    return lists
