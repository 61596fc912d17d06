"""Presence: whether a person was seen in the last 30 days.

Deliveries skip inactive people. Their timeline is rebuilt when they return.
"""

from collections.abc import Sequence
from typing import NamedTuple

from redis.client import Pipeline

from activity import keys
from core.redis.client import state_redis
from core.redis.reads import Read


class Presence(NamedTuple):
    """`is_active`: seen in the last 30 days. `is_rebuilding`: the timeline is being rebuilt."""

    is_active: bool
    is_rebuilding: bool


def key(uid: str) -> str:
    """Return the key that marks a person active."""
    return keys.ACTIVE.name(viewer=uid)


def rebuilding_key(uid: str) -> str:
    """Return the key that exists while the person's timeline is rebuilt."""
    return keys.TIMELINE_REBUILD.name(viewer=uid)


def mark_active(uid: str) -> None:
    """Mark a person active for 30 days. Cost: 1 round trip."""
    state_redis().set(key(uid), 1, ex=keys.ACTIVE.ttl)


def touch_active(uid: str) -> bool:
    """Return whether a person is active, and extend the TTL of an active person. Cost: 1 round trip."""
    return state_redis().getex(key(uid), ex=keys.ACTIVE.ttl) is not None


def read_and_touch(uid: str) -> Read[Presence]:
    """Return a read of a person's presence from the state Redis; it also extends an active person's TTL.

    If Redis rejects writes, the TTL stays.
    """

    def queue(pipe: Pipeline) -> None:
        pipe.exists(key(uid))
        pipe.exists(rebuilding_key(uid))
        pipe.expire(key(uid), keys.ACTIVE.ttl or 0)

    return Read(queue, lambda active, rebuilding, _: Presence(bool(active), bool(rebuilding)), "presence")


def get_active(uids: Sequence[str]) -> list[str]:
    """Return the active people among `uids`, in the same order. Cost: 1 round trip."""
    if not uids:
        return []
    marks = state_redis().mget([key(uid) for uid in uids])
    return [uid for uid, mark in zip(uids, marks, strict=True) if mark is not None]
