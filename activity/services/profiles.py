"""Profiles in the state Redis: read in one round trip, written through on every change, never over a newer version."""

from collections.abc import Sequence
from typing import Any

import orjson
from redis import Redis

from activity import keys
from activity.store import get_store
from activity.types import Profile
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.versioned import unpack_versioned, write_if_newer


def key(uid: str) -> str:
    """Return the key of a cached profile."""
    return keys.PROFILE.name(viewer=uid)


def read(uid: str) -> Read[Profile]:
    """Return a read of a person's profile from the state Redis.

    Accessing the value costs nothing when the profile is cached. Otherwise it loads the profile from the store and
    caches it: 1 store call (1 document) and 1 round trip. Raises StoreUnavailable.
    """
    return Read(lambda pipe: pipe.get(key(uid)), lambda raw: _load(uid) if raw is None else unpack(uid, raw))


def get(uid: str) -> Profile:
    """Return a person's profile. Cost: 1 round trip, and for one that is not cached as `read`."""
    return read(uid).fetch(state_redis())


def _load(uid: str) -> Profile:
    profile = get_store().get_profile(uid) or Profile(uid)
    cache_profile(profile)
    return profile


def cache_profile(profile: Profile) -> None:
    """Write a profile through to the cache, unless a newer version is cached. Cost: 1 round trip."""
    _queue(state_redis(), profile)


def _queue(client: Redis, profile: Profile) -> None:
    write_if_newer(
        client, {key(profile.uid): _pack(profile)}, version=profile.version, ttl=keys.PROFILE.ttl or 0
    )


def cache_profiles(uids: Sequence[str]) -> None:
    """Write the profiles of up to 1,000 people through to the cache. Cost: 1 store call, 2 round trips."""
    pipe = state_redis().pipeline()
    for profile in get_store().get_profiles(uids).values():
        _queue(pipe, profile)
    pipe.execute()


def _pack(profile: Profile) -> bytes:
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
        }
    )


def unpack(uid: str, raw: bytes) -> Profile:
    """Decode a cached profile."""
    body: dict[str, Any] = orjson.loads(unpack_versioned(raw))
    return Profile(
        uid=uid,
        name=body["name"],
        picture=body["picture"],
        genres=tuple(body["genres"]),
        affinities=body["affinities"],
        finished=frozenset(body["finished"]),
        skipped=body.get("skipped", {}),  # not in what an older version wrote
        blocked_uids=frozenset(body["blocked_uids"]),
        pull_list=tuple(body["pull_list"]),
        following_count=body["following_count"],
        reach=body["reach"],
        active_at=body["active_at"],
        choice_version=body["choice_version"],
        version=body["version"],
    )
