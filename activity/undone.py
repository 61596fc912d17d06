"""Activities that were undone lately, for readers that are ahead of the delivery of the undo.

A delivery removes an undone activity from followers' timelines after the response. Until then readers leave it out
because of an entry here. The recheck of the undo removes the entry: no older delivery can write the activity again
after that (`activity.services.delivery`).

A member is `<author>NUL<title>`, its score the time of the undo. It hides rows up to that time. A later activity has a
later time (`activity.rules.relations`), so nothing has to be removed for it. The newest MAX_ENTRIES are kept, for an
hour.
"""

from collections.abc import Sequence
from typing import Final, cast

from activity import keys
from activity.types import Activity, TimelineRow
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.script import Script

MAX_ENTRIES: Final = 1_000

# KEYS: undone activities. ARGV: member, score, TTL, maximum of entries.
_ADD = Script("""
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2] - ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
""")

# KEYS: undone activities. ARGV: member, score. Removes the entry, but not one of a later undo.
_REMOVE = Script("""
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) <= tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
""")


class Undone:
    """The activities that were undone lately."""

    def __init__(self, entries: Sequence[tuple[bytes, float]]) -> None:
        self._times = dict(entries)

    def hides(self, row: TimelineRow) -> bool:
        """Return whether a row is of an activity that was undone."""
        return bool(self._times) and row.at <= self._times.get(_member(row.author, row.title), -1.0)


def read() -> Read[Undone]:
    """Return a read of all entries."""
    return Read(lambda pipe: pipe.zrange(keys.UNDONE.name(), 0, -1, withscores=True), Undone)


def add(activity: Activity) -> None:
    """Hide an activity that was undone. Cost: 1 round trip."""
    args = [_member(activity.uid, activity.title), activity.at, keys.UNDONE.ttl, MAX_ENTRIES]
    _ADD.run(state_redis(), keys=[keys.UNDONE.name()], args=args)


def remove(activity: Activity) -> None:
    """Remove the entry of an activity whose recheck has ended. Cost: 1 round trip."""
    args = [_member(activity.uid, activity.title), activity.at]
    _REMOVE.run(state_redis(), keys=[keys.UNDONE.name()], args=args)


def remove_author(author: str) -> None:
    """Remove all entries of one author. Cost: 2 round trips."""
    members = cast("list[bytes]", state_redis().zrange(keys.UNDONE.name(), 0, -1))
    own = [member for member in members if member.startswith(_member(author, ""))]
    if own:
        state_redis().zrem(keys.UNDONE.name(), *own)


def _member(author: str, title: str) -> bytes:
    return f"{author}\0{title}".encode()
