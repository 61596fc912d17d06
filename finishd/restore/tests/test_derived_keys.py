"""`after_restore` deletes each key that follows from SQL and the store, and keeps what only Redis has."""

from typing import Any

import pytest

from core.redis.client import cache_redis, state_redis
from core.redis.derived import delete_derived_keys
from core.redis.keys import Key, escape_hash_tag, get_declared_keys, unescape_hash_tag

KEPT = {
    "served",
    "recently-seen",
    "skipped",
    "events",
    "dedup",
    "throttle",
    "erasure-contacts",
    "erasure-name",
    "recent-erasures",
}
DELETED = {
    "card",
    "facts",
    "title-items",
    "profile",
    "name",
    "timeline",
    "index",
    "index-pointer",
    "plan",
    "active",
}


def make_key(key: Key) -> str:
    """Create a key of this family, and return its name."""
    values: dict[str, Any] = dict.fromkeys(key.variables, "1")
    name = key.name(**values)
    client = state_redis()
    create: dict[str, Any] = {
        "string": lambda: client.set(name, "1"),
        "hash": lambda: client.hset(name, "field", "1"),
        "list": lambda: client.rpush(name, "1"),
        "set": lambda: client.sadd(name, "1"),
        "zset": lambda: client.zadd(name, {"1": 1}),
        "stream": lambda: client.xadd(name, {"field": "1"}),
    }
    create[key.type]()
    return name


def test_only_derived_keys_are_deleted_and_a_dry_run_deletes_none() -> None:
    names = {key: make_key(key) for key in get_declared_keys()}
    derived = {name for key, name in names.items() if key.is_derived}
    counted = delete_derived_keys(state_redis(), is_dry_run=True)
    assert set(counted) == {key.pattern for key in names if key.is_derived}
    assert all(state_redis().exists(name) for name in names.values())

    assert delete_derived_keys(state_redis()) == counted
    assert {name for name in names.values() if not state_redis().exists(name)} == derived
    assert delete_derived_keys(state_redis()).total() == 0


def test_what_only_redis_has_is_kept() -> None:
    flags = {key.pattern.partition(":")[0]: key.is_derived for key in get_declared_keys()}
    assert {name for name in KEPT if flags[name]} == set()
    assert {name for name in DELETED if not flags[name]} == set()


def test_keys_are_deleted_in_batches() -> None:
    names = [f"card:{{item-{number}}}" for number in range(2_000)]
    cache_redis().mset(dict.fromkeys(names, "1"))
    assert delete_derived_keys(cache_redis())["card:{<item>}"] == 2_000
    assert cache_redis().exists(*names) == 0


@pytest.mark.parametrize("uid", ["kofi", "a b", "{x}", "50%", "é|ü", "a%20b"])
def test_a_uid_is_read_from_a_key(uid: str) -> None:
    assert unescape_hash_tag(escape_hash_tag(uid)) == uid
