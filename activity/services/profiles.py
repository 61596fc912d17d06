"""Profiles in the state Redis: read in one round trip, written through on every change, never over a newer version.

A profile that was written to another Redis server, or to this one before it was restarted, is absent: it may lack a
block (`core.redis.run_ids`).
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson
from redis import Redis

from activity import keys
from activity.store import get_store
from activity.types import Profile
from core.codecs import convert, decode
from core.redis import rejections
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.run_ids import get_stamp
from core.redis.versioned import unpack_versioned, write_if_newer

# What every version writes. Fields that were added later may be absent, and have defaults.
_FIRST_FIELDS: Final = frozenset(
    {
        *("name", "picture", "genres", "affinities", "finished", "blocked_uids", "pull_list"),
        *("following_count", "reach", "active_at", "choice_version", "version"),
    }
)


def key(uid: str) -> str:
    """Return the key of a cached profile."""
    return keys.PROFILE.name(viewer=uid)


def read(uid: str) -> Read[Profile]:
    """Return a read of a person's profile from the state Redis.

    Accessing the value costs nothing when the profile is cached. Otherwise it loads the profile from the store, and
    caches it unless Redis rejects writes: 1 store call (1 document) and 1 round trip, 2 if the cached one is
    unreadable or was written before Redis was restarted. Raises StoreUnavailable.
    """
    return Read(lambda pipe: pipe.get(key(uid)), lambda raw: _decode(uid, raw))


def get(uid: str) -> Profile:
    """Return a person's profile. Cost: 1 round trip, and for one that is not cached as `read`."""
    return read(uid).fetch(state_redis())


def _decode(uid: str, raw: bytes | None) -> Profile:
    profile = None
    if raw is not None:
        body = _parse(raw)
        profile = _convert(uid, body) if body.get("server") == get_stamp(state_redis()) else None
        if profile is None:
            with rejections.skipping("cache"):
                # A write would not replace an unreadable profile of a newer version.
                state_redis().unlink(key(uid))
    return profile or _load(uid)


def _load(uid: str) -> Profile:
    profile = get_store().get_profile(uid) or Profile(uid)
    with rejections.skipping("cache"):
        cache_profile(profile)
    return profile


def cache_profile(profile: Profile) -> None:
    """Write a profile through to the cache, unless a newer version is cached. Cost: 1 round trip."""
    _queue(state_redis(), profile)


def _queue(client: Redis, profile: Profile) -> None:
    write_if_newer(
        client,
        {key(profile.uid): pack(profile, server=get_stamp(client))},
        version=profile.version,
        ttl=keys.PROFILE.ttl or 0,
    )


def cache_profiles(uids: Sequence[str]) -> None:
    """Write the profiles of up to 1,000 people through to the cache. Cost: 1 store call, 2 round trips."""
    pipe = state_redis().pipeline()
    for profile in get_store().get_profiles(uids).values():
        _queue(pipe, profile)
    pipe.execute()


def pack(profile: Profile, *, server: str) -> bytes:
    """Return a profile as the payload of its cached value. `server` is the stamp of the Redis server."""
    return orjson.dumps(
        {
            "name": profile.name,
            "picture": profile.picture,
            "genres": profile.genres,
            "affinities": dict(profile.affinities),
            "finished": sorted(profile.finished),
            "skipped": dict(profile.skipped),
            "blocked_uids": sorted(profile.blocked_uids),
            "pull_list": profile.pull_list,
            "following_count": profile.following_count,
            "reach": profile.reach,
            "active_at": profile.active_at,
            "choice_version": profile.choice_version,
            "version": profile.version,
            "server": server,
        }
    )


def unpack(uid: str, raw: bytes) -> Profile | None:
    """Return the profile of a cached value, None if it is unreadable."""
    return _convert(uid, _parse(raw))


def _parse(raw: bytes) -> dict[str, Any]:
    return decode(dict[str, Any], unpack_versioned(raw)) or {}


def _convert(uid: str, body: dict[str, Any]) -> Profile | None:
    return convert(Profile, body, uid=uid) if body.keys() >= _FIRST_FIELDS else None
