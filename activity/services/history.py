"""A viewer's history: seen items, which plans leave out, and skipped titles.

It has three parts: the seen history in the activity store; pending history in SQL, until a flush writes it to the
store; and recently seen items in Redis, from the moment an event is read. The last part covers a cached copy of the
other two that was made before the event.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError

from activity import keys, timeline_cache
from activity.rules import history as history_rules
from activity.services import pending_history
from activity.store import get_store
from activity.types import MAX_SEEN_ITEMS, MAX_SKIPPED_TITLES, HistoryDelta, StoreUnavailable
from core.redis.client import state_redis
from core.redis.keys import Key
from core.redis.reads import Read
from core.redis.script import Script

_VIEWERS_PER_PIPELINE: Final = 1_000
# As `_queue_newest`, for a full Redis. KEYS: sorted set. ARGV: members to keep, TTL, then (time, member) pairs.
_ADD_NEWEST_WHEN_FULL = Script("""#!lua flags=allow-oom
for index = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', ARGV[index], ARGV[index + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[1]) - 1)
return redis.call('EXPIRE', KEYS[1], ARGV[2])
""")


class History(NamedTuple):
    """Seen item ids, and the keys of titles skipped since the profile was cached. `is_complete`: no part is missing."""

    seen: frozenset[str]
    skipped: frozenset[str]
    is_complete: bool = True


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
    only they hold, and `is_complete` is False.
    """

    def queue(pipe: Pipeline) -> None:
        for key in (keys.SEEN_ITEMS, keys.RECENTLY_SEEN, keys.SKIPPED_TITLES):
            pipe.zrange(key.name(viewer=uid), 0, -1)

    return Read(queue, lambda *replies: _decode(uid, *(frozenset(reply) for reply in replies)))


def _decode(
    uid: str, cached: frozenset[bytes], recent: frozenset[bytes], skipped: frozenset[bytes]
) -> History:
    # Without the stamp of the current server, the copy may lack what was seen last. No item id equals a stamp.
    marker = timeline_cache.make_stamp().encode()
    if marker in cached:
        return History(_texts((cached | recent) - {marker}), _texts(skipped))
    pending: list[HistoryDelta] = []
    try:
        # Read SQL before the store: a delta that a flush moves meanwhile is then read twice, not missed.
        pending = pending_history.get_for(uid)
        loaded = _load(uid, pending)
        is_complete = True
    except StoreUnavailable:
        loaded = history_rules.merge_seen(delta.seen for delta in pending)
        is_complete = False
    skips = history_rules.merge_skipped(delta.skipped for delta in pending)
    return History(_texts(recent).union(loaded), _texts(skipped).union(skips), is_complete)


def cache_recently_seen(deltas: Mapping[str, HistoryDelta]) -> None:
    """Cache seen items and skipped titles, so that plans leave them out. Idempotent.

    Cost: 1 round trip per 1,000 viewers.
    """
    for start in range(0, len(deltas), _VIEWERS_PER_PIPELINE):
        pipe = state_redis().pipeline()
        viewers = list(deltas)[start : start + _VIEWERS_PER_PIPELINE]
        for uid in viewers:
            _queue_newest(pipe, keys.RECENTLY_SEEN, uid, deltas[uid].seen, MAX_SEEN_ITEMS)
            _queue_newest(pipe, keys.SKIPPED_TITLES, uid, deltas[uid].skipped, MAX_SKIPPED_TITLES)
        try:
            pipe.execute()
        except OutOfMemoryError:
            _cache_when_full({uid: deltas[uid] for uid in viewers})


def _cache_when_full(deltas: Mapping[str, HistoryDelta]) -> None:
    """Do the same on a full Redis, so that the reader can continue and free the memory of the events."""
    calls: list[tuple[Sequence[str], Sequence[Any]]] = []
    for uid, delta in deltas.items():
        for key, times, limit in (
            (keys.RECENTLY_SEEN, delta.seen, MAX_SEEN_ITEMS),
            (keys.SKIPPED_TITLES, delta.skipped, MAX_SKIPPED_TITLES),
        ):
            if times:
                pairs = [text for member, at in times.items() for text in (at, member)]
                calls.append(([key.name(viewer=uid)], [limit, key.ttl, *pairs]))
    _ADD_NEWEST_WHEN_FULL.run_many(state_redis(), calls)


def invalidate(uid: str) -> None:
    """Delete the cached seen history after the store's changed. Cost: 1 round trip."""
    state_redis().unlink(keys.SEEN_ITEMS.name(viewer=uid))


def _load(uid: str, pending: Sequence[HistoryDelta]) -> dict[str, int]:
    seen = history_rules.merge_seen((get_store().get_seen(uid), *(delta.seen for delta in pending)))
    name = keys.SEEN_ITEMS.name(viewer=uid)
    pipe = state_redis().pipeline()
    pipe.zadd(name, {timeline_cache.make_stamp(): 0, **seen})
    pipe.expire(name, keys.SEEN_ITEMS.ttl or 0)
    skipped = history_rules.merge_skipped(delta.skipped for delta in pending)
    _queue_newest(pipe, keys.SKIPPED_TITLES, uid, skipped, MAX_SKIPPED_TITLES)
    pipe.execute()
    return seen


def _queue_newest(pipe: Any, key: Key, uid: str, times: Mapping[str, int], max_members: int) -> None:
    """Add members with their times (epoch seconds) to a sorted set.

    The set keeps the latest time of each member, and the `max_members` newest members.
    """
    if times:
        name = key.name(viewer=uid)
        pipe.zadd(name, times, gt=True)
        pipe.zremrangebyrank(name, 0, -max_members - 1)
        pipe.expire(name, key.ttl)


def _texts(raw: frozenset[bytes]) -> frozenset[str]:
    return frozenset(member.decode(errors="replace") for member in raw)
