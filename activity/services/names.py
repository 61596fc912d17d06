"""Names and pictures of people in the cache Redis, written through from their tokens and read many at once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from activity import keys
from activity.store import get_store
from activity.types import TimelineRow
from core.codecs import convert_items, load_json
from core.redis import rejections
from core.redis.client import cache_redis
from core.redis.reads import Read
from core.redis.run_ids import get_stamp

Name = tuple[str | None, str | None]  # name, picture


class _CachedName(NamedTuple):
    name: str | None
    picture: str | None
    server: Any = ""  # the stamp of the Redis server; anything in a value of another version


def read(uids: Iterable[str]) -> Read[dict[str, Name]]:
    """Return a read of people's names and pictures from the cache Redis, None where the store has none.

    Accessing the value costs nothing when all are cached. Otherwise 1 store call (a document per person) and 1 round
    trip. Raises StoreUnavailable.
    """
    wanted = list(dict.fromkeys(uids))
    if not wanted:
        return Read(lambda pipe: None, dict)
    names = [keys.NAME.name(viewer=uid) for uid in wanted]
    return Read(lambda pipe: pipe.mget(names), lambda found: _decode(wanted, found))


def get_names(uids: Iterable[str]) -> dict[str, Name]:
    """Return people's names and pictures, None where the store has none.

    Cost: 1 round trip; for people not cached 1 store call (a document each) and 1 more round trip.
    Raises StoreUnavailable.
    """
    return read(uids).fetch(cache_redis())


def cache_names(names: Mapping[str, Name]) -> None:
    """Write names through to the cache. Cost: 1 round trip."""
    pipe = cache_redis().pipeline()
    for uid, name in names.items():
        pipe.set(keys.NAME.name(viewer=uid), pack(name), ex=keys.NAME.ttl)
    pipe.execute()


def cache_names_from_rows(rows: Sequence[TimelineRow]) -> None:
    """Cache the names in durable rows (newest first), so that a cold timeline needs no store call for them.

    A cached name stays, because a row holds the name at the time of its delivery. Cost: 1 round trip.
    """
    pipe = cache_redis().pipeline()
    for row in rows:
        if row.author_name:
            name = pack((row.author_name, row.author_picture))
            pipe.set(keys.NAME.name(viewer=row.author), name, ex=keys.NAME.ttl, nx=True)
    pipe.execute()


def pack(name: Name) -> bytes:
    return orjson.dumps([*name, get_stamp(cache_redis())])


def unpack(raw: bytes | None) -> Name | None:
    """Return a cached name and picture, None if there are none or they are unreadable."""
    found = convert_items(_CachedName, load_json(raw))
    return (found.name, found.picture) if found else None


def _unpack_current(raw: bytes | None) -> Name | None:
    """Return a cached name and picture, None if they are unreadable or were written before Redis was restarted."""
    found = convert_items(_CachedName, load_json(raw))
    return (found.name, found.picture) if found and found.server == get_stamp(cache_redis()) else None


def _decode(uids: Sequence[str], found: Sequence[bytes | None]) -> dict[str, Name]:
    decoded = zip(uids, map(_unpack_current, found), strict=True)
    names: dict[str, Name] = {uid: name for uid, name in decoded if name is not None}
    missing = [uid for uid in uids if uid not in names]
    if missing:
        profiles = get_store().get_profiles(missing)
        loaded = {
            uid: (profiles[uid].name, profiles[uid].picture) if uid in profiles else (None, None)
            for uid in missing
        }
        with rejections.skipping("cache"):
            cache_names(loaded)
        names |= loaded
    return names
