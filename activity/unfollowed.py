"""People whom a viewer unfollowed or blocked lately, for readers that are ahead of the purge.

A backfill or delivery that read the follow edge before it was removed may write rows after the first purge. Until the
second purge, readers leave out all rows of these people.

A member is an author, its score the version of the viewer's profile at the unfollow. A later follow has a later
version, and its backfill removes the member. The newest MAX_AUTHORS are kept, for an hour.
"""

from typing import Any, Final

from activity import keys
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.script import Script

MAX_AUTHORS: Final = 100

# KEYS: unfollowed people. ARGV: author, version, TTL, maximum of authors.
_ADD = Script("""
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
""")

# KEYS: unfollowed people. ARGV: author, version. Removes the author, unless a later unfollow added them again.
_REMOVE = Script("""
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) <= tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end
""")


def read(viewer: str) -> Read[frozenset[str]]:
    """Return a read of the people whom a viewer unfollowed lately."""
    name = keys.UNFOLLOWED.name(viewer=viewer)
    return Read(lambda pipe: pipe.zrange(name, 0, -1), _decode)


def add(viewer: str, author: str, *, version: int) -> None:
    """Hide the rows of an author. `version` is that of the viewer's profile. Cost: 1 round trip."""
    args = [author, version, keys.UNFOLLOWED.ttl, MAX_AUTHORS]
    _ADD.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=args)


def remove(viewer: str, author: str, *, version: int) -> None:
    """Show the rows of an author again, unless they were unfollowed after `version`. Cost: 1 round trip."""
    _REMOVE.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=[author, version])


def _decode(members: Any) -> frozenset[str]:
    return frozenset(member.decode(errors="replace") for member in members)
