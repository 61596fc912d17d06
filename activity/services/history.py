"""What a viewer has seen, so that a plan leaves it out, and what they skipped.

It lies in three places: in the activity store; in SQL, pending, until a flush carries it there; and, from the moment
an event was read, in Redis (`fresh`), which covers what a copy of the other two was made too early for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from activity import keys
from activity.services import pending_history
from activity.store import get_store, watched
from activity.types import SEEN_KEPT, SKIPPED_KEPT, Slice, StoreUnavailable
from core.redis.client import state_redis
from core.redis.keys import Key

# A member no item id can equal: it tells a history that is empty from one that was not loaded.
_LOADED_MARKER: Final = b""
_VIEWERS_AT_ONCE: Final = 1_000
READS: Final = 3  # commands that `queue` queues


class History(NamedTuple):
    """Item ids, and the keys of titles skipped since the profile was last written; `whole`: nothing is missing."""

    seen: frozenset[str]
    skipped: frozenset[str]
    whole: bool = True


def queue_size(pipe: Any, uid: str) -> None:
    """Queue two reads, the sum of whose answers is how many items may have been seen."""
    pipe.zcard(keys.SEEN.name(viewer=uid))
    pipe.zcard(keys.FRESH.name(viewer=uid))


def queue(pipe: Any, uid: str) -> None:
    """Queue the READS reads for `take`."""
    for family in (keys.SEEN, keys.FRESH, keys.SKIPPED):
        pipe.zrange(family.name(viewer=uid), 0, -1)


def take(uid: str, answers: Sequence[Sequence[bytes]]) -> History:
    """What Redis answered; where it holds no copy, what store and SQL say, of which a copy is kept.

    A store or SQL that gives no answer costs what only they know. Cost: none when warm; cold 1 SQL, 1 store call
    (1 document) and 1 wait.
    """
    copy, fresh, skipped = (frozenset(answer) for answer in answers)
    if copy:
        return History(_texts((copy | fresh) - {_LOADED_MARKER}), _texts(skipped))
    waiting: list[Slice] = []
    try:
        # Before the store: what a flush moves meanwhile is then read twice, not never.
        waiting = pending_history.get_for(uid)
        loaded = _load(uid, waiting)
        whole = True
    except StoreUnavailable:
        loaded = watched.newest_seen(s.seen for s in waiting)
        whole = False
    skips = watched.newest_skipped(s.skipped for s in waiting)
    return History(_texts(fresh).union(loaded), _texts(skipped).union(skips), whole)


def cache_recently_seen(slices: Mapping[str, Slice]) -> None:
    """Have plans leave out what was just seen. Idempotent. Cost: 1 wait for 1,000 viewers."""
    for start in range(0, len(slices), _VIEWERS_AT_ONCE):
        pipe = state_redis().pipeline()
        for uid in list(slices)[start : start + _VIEWERS_AT_ONCE]:
            _queue_newest(pipe, keys.FRESH, uid, slices[uid].seen, SEEN_KEPT)
            _queue_newest(pipe, keys.SKIPPED, uid, slices[uid].skipped, SKIPPED_KEPT)
        pipe.execute()


def invalidate(uid: str) -> None:
    """Drop the copy: the store knows more. Cost: 1 wait."""
    state_redis().unlink(keys.SEEN.name(viewer=uid))


def _load(uid: str, waiting: Sequence[Slice]) -> dict[str, int]:
    seen = watched.newest_seen((get_store().seen(uid), *(s.seen for s in waiting)))
    name = keys.SEEN.name(viewer=uid)
    pipe = state_redis().pipeline()
    pipe.zadd(name, {_LOADED_MARKER: 0, **seen})
    pipe.expire(name, keys.SEEN.ttl or 0)
    skipped = watched.newest_skipped(s.skipped for s in waiting)
    _queue_newest(pipe, keys.SKIPPED, uid, skipped, SKIPPED_KEPT)
    pipe.execute()
    return seen


def _queue_newest(pipe: Any, family: Key, uid: str, times: Mapping[str, int], most: int) -> None:
    """Add to a sorted set (key → latest epoch seconds) that holds the newest only."""
    if times:
        name = family.name(viewer=uid)
        pipe.zadd(name, times, gt=True)
        pipe.zremrangebyrank(name, 0, -most - 1)
        pipe.expire(name, family.ttl)


def _texts(raw: frozenset[bytes]) -> frozenset[str]:
    return frozenset(member.decode() for member in raw)
