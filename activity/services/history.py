"""What a viewer has seen, so that a plan leaves it out, and what they skipped.

It lies in three places: in the activity store; in SQL, pending, until a flush carries it there; and, from the moment
an event was read, in Redis (`fresh`), which covers what a copy of the other two was made too early for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.client import Pipeline

from activity import keys
from activity.rules import history as history_rules
from activity.services import pending_history
from activity.store import get_store
from activity.types import MAX_SEEN_ITEMS, MAX_SKIPPED_TITLES, HistoryDelta, StoreUnavailable
from core.redis.client import state_redis
from core.redis.keys import Key
from core.redis.reads import Read

# A member no item id can equal: it tells a history that is empty from one that was not loaded.
_LOADED_MARKER: Final = b""
_VIEWERS_AT_ONCE: Final = 1_000


class History(NamedTuple):
    """Item ids, and the keys of titles skipped since the profile was last written; `whole`: nothing is missing."""

    seen: frozenset[str]
    skipped: frozenset[str]
    whole: bool = True


def read_size(uid: str) -> Read[int]:
    """Return a read of an upper bound of the number of items that a viewer has seen, from the state Redis."""

    def queue(pipe: Pipeline) -> None:
        pipe.zcard(keys.SEEN_ITEMS.name(viewer=uid))
        pipe.zcard(keys.RECENTLY_SEEN.name(viewer=uid))

    return Read(queue, lambda cached, recent: cached + recent)


def read(uid: str) -> Read[History]:
    """Return a read of a viewer's history from the state Redis.

    Accessing the value costs nothing when the history is cached. Otherwise it loads the history and caches it:
    1 SQL query, 1 store call (1 document) and 1 round trip. If SQL or the store is unavailable, the value lacks what
    only they hold, and `whole` is False.
    """

    def queue(pipe: Pipeline) -> None:
        for family in (keys.SEEN_ITEMS, keys.RECENTLY_SEEN, keys.SKIPPED_TITLES):
            pipe.zrange(family.name(viewer=uid), 0, -1)

    return Read(queue, lambda *replies: _decode(uid, *(frozenset(reply) for reply in replies)))


def _decode(uid: str, copy: frozenset[bytes], fresh: frozenset[bytes], skipped: frozenset[bytes]) -> History:
    if copy:
        return History(_texts((copy | fresh) - {_LOADED_MARKER}), _texts(skipped))
    waiting: list[HistoryDelta] = []
    try:
        # Before the store: what a flush moves meanwhile is then read twice, not never.
        waiting = pending_history.get_for(uid)
        loaded = _load(uid, waiting)
        whole = True
    except StoreUnavailable:
        loaded = history_rules.merge_seen(s.seen for s in waiting)
        whole = False
    skips = history_rules.merge_skipped(s.skipped for s in waiting)
    return History(_texts(fresh).union(loaded), _texts(skipped).union(skips), whole)


def cache_recently_seen(slices: Mapping[str, HistoryDelta]) -> None:
    """Have plans leave out what was just seen. Idempotent. Cost: 1 wait for 1,000 viewers."""
    for start in range(0, len(slices), _VIEWERS_AT_ONCE):
        pipe = state_redis().pipeline()
        for uid in list(slices)[start : start + _VIEWERS_AT_ONCE]:
            _queue_newest(pipe, keys.RECENTLY_SEEN, uid, slices[uid].seen, MAX_SEEN_ITEMS)
            _queue_newest(pipe, keys.SKIPPED_TITLES, uid, slices[uid].skipped, MAX_SKIPPED_TITLES)
        pipe.execute()


def invalidate(uid: str) -> None:
    """Drop the copy: the store knows more. Cost: 1 wait."""
    state_redis().unlink(keys.SEEN_ITEMS.name(viewer=uid))


def _load(uid: str, waiting: Sequence[HistoryDelta]) -> dict[str, int]:
    seen = history_rules.merge_seen((get_store().get_seen(uid), *(s.seen for s in waiting)))
    name = keys.SEEN_ITEMS.name(viewer=uid)
    pipe = state_redis().pipeline()
    pipe.zadd(name, {_LOADED_MARKER: 0, **seen})
    pipe.expire(name, keys.SEEN_ITEMS.ttl or 0)
    skipped = history_rules.merge_skipped(s.skipped for s in waiting)
    _queue_newest(pipe, keys.SKIPPED_TITLES, uid, skipped, MAX_SKIPPED_TITLES)
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
