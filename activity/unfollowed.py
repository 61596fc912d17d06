"""People whom a viewer unfollowed or blocked lately, for readers that are ahead of the purge.

A backfill or delivery that read the follow edge before it was removed may write rows after the first purge. Until the
second purge, readers leave out all rows of these people.

A member is an author, its score the version of the viewer's profile at the unfollow. A later follow has a later
version, and its backfill removes the member. The newest MAX_AUTHORS are kept, for an hour.

Another member is the stamp of the Redis server (`core.redis.run_ids`). Without it, Redis was restarted or replaced, and
may have lost that a member was removed. Then the next reader asks the store who is followed again.
"""

import logging
from collections.abc import Sequence
from typing import Final

from activity import keys
from activity.store import get_store
from activity.types import StoreUnavailable
from core.redis import rejections
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.run_ids import get_stamp
from core.redis.script import Script

MAX_AUTHORS: Final = 100
STAMP_SCORE: Final = 2**53  # above every version

logger = logging.getLogger(__name__)

# KEYS: unfollowed people. ARGV: author, version, TTL, maximum of authors, stamp, its score.
_ADD = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZADD', KEYS[1], ARGV[6], ARGV[5]) end
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -2 - ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[3])
""")

# KEYS: unfollowed people. ARGV: stamp, its score, then author and version of each. Removes the authors, unless a later
# unfollow added them again, and sets the stamp of a set that exists.
_REMOVE = Script("""
for i = 3, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) <= tonumber(ARGV[i + 1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
if ARGV[1] ~= '' and redis.call('EXISTS', KEYS[1]) == 1 then redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1]) end
""")


def read(viewer: str) -> Read[frozenset[str]]:
    """Return a read of the people whom a viewer unfollowed lately.

    Accessing the value costs nothing, but 1 store call and 1 round trip after Redis was restarted or replaced.
    """
    name = keys.UNFOLLOWED.name(viewer=viewer)
    return Read(
        lambda pipe: pipe.zrange(name, 0, -1, withscores=True), lambda members: _decode(viewer, members)
    )


def add(viewer: str, author: str, *, version: int) -> None:
    """Hide the rows of an author. `version` is that of the viewer's profile. Cost: 1 round trip."""
    args = [author, version, keys.UNFOLLOWED.ttl, MAX_AUTHORS, _make_stamp(), STAMP_SCORE]
    _ADD.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=args)


def remove(viewer: str, author: str, *, version: int) -> None:
    """Show the rows of an author again, unless they were unfollowed after `version`. Cost: 1 round trip."""
    _REMOVE.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=["", 0, author, version])


def _decode(viewer: str, members: Sequence[tuple[bytes, float]]) -> frozenset[str]:
    versions = {
        member.decode(errors="replace"): version
        for member, version in members
        if not member.startswith(b"\0")
    }
    if not versions or any(member == _make_stamp().encode() for member, _ in members):
        return frozenset(versions)
    try:
        followed = get_store().get_existing_edges([(viewer, author) for author in versions])
    except StoreUnavailable as error:
        logger.warning("activity store unavailable: unfollowed people stay hidden: %s", error)
        return frozenset(versions)
    again = [author for author in versions if (viewer, author) in followed]
    args = [_make_stamp(), STAMP_SCORE, *(value for author in again for value in (author, versions[author]))]
    with rejections.skipping("cache"):
        _REMOVE.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=args)
    return frozenset(versions) - frozenset(again)


def _make_stamp() -> str:
    return f"\0{get_stamp(state_redis())}"
