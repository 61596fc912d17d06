"""A title's items: `mediaType:tmdbId` → published items, newest trailer first."""

from collections.abc import Iterable, Sequence

import orjson
from django.db.models import Case, IntegerField, Value, When

from content import keys
from content.models import Item
from core.redis.client import cache_redis
from core.redis.reads import Read

MAX_ITEMS_PER_TITLE = 20  # a title's list is cut here: its head stands for it, the rest are its siblings


def get_items(title_keys: Sequence[str]) -> dict[str, list[str]]:
    """Each title's published items, newest trailer first, then newest; unknown titles have an empty list.

    Cost: 1 wait; for titles not in Redis 1 SQL query and 1 wait more.
    """
    return read(title_keys).fetch(cache_redis())


def read(title_keys: Iterable[str]) -> Read[dict[str, list[str]]]:
    """Return a read of titles' items from the cache Redis; the value is that of `get_items`.

    Accessing the value costs nothing when all titles are cached, otherwise 1 SQL query and 1 round trip.
    """
    wanted = list(dict.fromkeys(title_keys))
    if not wanted:
        return Read(lambda pipe: None, dict)
    names = [_key(title) for title in wanted]
    return Read(lambda pipe: pipe.mget(names), lambda found: _decode(wanted, found))


def _decode(title_keys: Sequence[str], found: Sequence[bytes | None]) -> dict[str, list[str]]:
    result = {t: orjson.loads(raw) for t, raw in zip(title_keys, found, strict=True) if raw is not None}
    missing = [t for t in title_keys if t not in result]
    if missing:
        loaded = _load(missing)
        pipe = cache_redis().pipeline()
        for title, ids in loaded.items():
            pipe.set(_key(title), orjson.dumps(ids), ex=keys.TITLE_ITEMS.ttl)
        pipe.execute()
        result.update(loaded)
    return result


def invalidate(title_keys: Iterable[str]) -> None:
    """Drop titles' lists after a change; the next reader loads them. Cost: 1 wait."""
    names = [_key(t) for t in set(title_keys)]
    if names:
        cache_redis().unlink(*names)


def _key(title: str) -> str:
    return keys.TITLE_ITEMS.name(title=title)


def _load(title_keys: list[str]) -> dict[str, list[str]]:
    trailers_first = Case(
        When(content_type="trailer", then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    rows = (
        Item.objects.filter(title_key__in=title_keys, status=Item.Status.PUBLISHED, hidden=False)
        .order_by("title_key", trailers_first, "-published_at", "id")
        .values_list("title_key", "id")
    )
    lists: dict[str, list[str]] = {t: [] for t in title_keys}
    for title, item_id in rows:
        if len(lists[title]) < MAX_ITEMS_PER_TITLE:
            lists[title].append(item_id)
    return lists
