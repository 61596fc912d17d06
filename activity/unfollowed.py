"""People whom a viewer unfollowed or blocked lately, for readers that are ahead of the purge.

A backfill or delivery that read the follow edge before it was removed may write rows after the first purge. Until the
second purge, readers leave out all rows of these people.

A *mark* is a member with the name of an author, and the version of the viewer's profile at the unfollow as score. A
*release* ends the marks up to its version: that of a later follow, whose backfill adds it, or of the second purge. It
remains, because an unfollow that was overtaken may add its mark after it. The newest are kept, for an hour.

Another member is the stamp of the Redis server (`core.redis.run_ids`). Without it, Redis was restarted or replaced, and
may have lost a release. Then the next reader asks the store who is followed again.
"""

import logging
from collections.abc import Sequence
from typing import Final

from activity import keys, timeline_cache
from activity.store import get_store
from activity.types import StoreUnavailable
from core.redis import rejections
from core.redis.client import state_redis
from core.redis.reads import Read
from core.redis.script import Script

MAX_MEMBERS: Final = 200  # marks and releases
STAMP_SCORE: Final = 2**53  # above every version
_STAMP: Final = "\0"  # the first character of a stamp; no uid has it
_RELEASE: Final = "\1"  # of a release; the author follows

logger = logging.getLogger(__name__)

# KEYS: unfollowed people. ARGV: TTL, maximum of members, stamp, its score, then members and scores. Sets the stamp of
# a new set. The first argument of the members is "checked" if all marks were compared with the store.
_ADD = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 or ARGV[5] == 'checked' then
  redis.call('ZADD', KEYS[1], ARGV[4], ARGV[3])
end
for i = 6, #ARGV, 2 do redis.call('ZADD', KEYS[1], 'GT', ARGV[i + 1], ARGV[i]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -2 - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[1])
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
    _add(viewer, [(author, version)])


def release(viewer: str, author: str, *, version: int) -> None:
    """Show the rows of an author again, unless they were unfollowed after `version`. Cost: 1 round trip."""
    _add(viewer, [(_RELEASE + author, version)])


def contains(uid: str, members: Sequence[bytes]) -> bool:
    """Return whether the members of a viewer's set name a person."""
    return any(member in members for member in (uid.encode(), (_RELEASE + uid).encode()))


def _add(viewer: str, members: Sequence[tuple[str, float]], *, is_checked: bool = False) -> None:
    args = [
        keys.UNFOLLOWED.ttl,
        MAX_MEMBERS,
        timeline_cache.make_stamp(),
        STAMP_SCORE,
        "checked" if is_checked else "",
    ]
    flat = [value for member in members for value in member]
    _ADD.run(state_redis(), keys=[keys.UNFOLLOWED.name(viewer=viewer)], args=[*args, *flat])


def _decode(viewer: str, members: Sequence[tuple[bytes, float]]) -> frozenset[str]:
    versions = {member.decode(errors="replace"): version for member, version in members}
    hidden = frozenset(
        member
        for member, version in versions.items()
        if not member.startswith((_STAMP, _RELEASE)) and version > versions.get(_RELEASE + member, -1)
    )
    if not hidden or timeline_cache.make_stamp() in versions:
        return hidden
    try:
        followed = get_store().get_existing_edges([(viewer, author) for author in sorted(hidden)])
    except StoreUnavailable as error:
        logger.warning("activity store unavailable: unfollowed people stay hidden: %s", error)
        return hidden
    again = sorted(author for _, author in followed)
    with rejections.skipping("cache"):
        _add(viewer, [(_RELEASE + author, versions[author]) for author in again], is_checked=True)
    return hidden.difference(again)
