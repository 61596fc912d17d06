"""Who is about: deliveries skip people not seen for 30 days; their timeline is rebuilt when they return."""

from collections.abc import Sequence
from typing import Any

from activity import keys
from core.redis.client import state_redis


def key(uid: str) -> str:
    return keys.ACTIVE.name(viewer=uid)


def rebuilding_key(uid: str) -> str:
    return keys.REBUILDING.name(viewer=uid)


def mark_active(uid: str) -> None:
    """They were here. Cost: 1 wait."""
    state_redis().set(key(uid), 1, ex=keys.ACTIVE.ttl)


def touch_active(uid: str) -> bool:
    """Whether they were here lately; they are now. Cost: 1 wait."""
    return state_redis().getex(key(uid), ex=keys.ACTIVE.ttl) is not None


def queue_state(pipe: Any, uid: str) -> None:
    """Queue two reads for `state`: here lately (which counts as being here), timeline being rebuilt."""
    pipe.getex(key(uid), ex=keys.ACTIVE.ttl)
    pipe.exists(rebuilding_key(uid))


def state(answers: Sequence[Any]) -> tuple[bool, bool]:
    """(here lately, timeline being rebuilt)."""
    active, rebuilding = answers
    return active is not None, bool(rebuilding)


def get_active(uids: Sequence[str]) -> list[str]:
    """Those of a chunk of people who were here in the last 30 days. Cost: 1 wait."""
    if not uids:
        return []
    there = state_redis().mget([key(uid) for uid in uids])
    return [uid for uid, found in zip(uids, there, strict=True) if found is not None]
