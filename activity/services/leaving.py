"""What activity does when a person leaves, and what it hands over of them.

The store is erased in batches. Before its edges go, the person's followers (and whoever is in
a block with them) are noted in Redis, since copies of theirs may name the person; when the
durable rows are gone, those copies follow, chunk by chunk. Every step may be repeated.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from activity import keys, timeline_cache
from activity.services import pending_history, profiles
from activity.store import get_store
from activity.types import Document
from core.redis.client import cache_redis, state_redis, unlink
from core.redis.references import Naming

CHUNK: Final = 500
_OWN: Final = (
    keys.PROFILE,
    keys.SEEN,
    keys.FRESH,
    keys.SKIPPED,
    keys.TIMELINE,
    keys.TIMELINE_LOAD,
    keys.REBUILDING,
    keys.ACTIVE,
    keys.RECENT,
)


def gather(uid: str) -> None:
    """Note whose copies may name the person, for `others`. Cost: 1 store call and 1 wait for 500 followers."""
    profile = get_store().profile(uid)
    _note(uid, sorted(profile.unwanted) if profile else [])
    cursor = ""
    while followers := get_store().followers(uid, after=cursor, limit=CHUNK):
        _note(uid, followers)
        cursor = followers[-1]


def others(uid: str) -> Iterator[list[str]]:
    """Chunks of those whom `gather` noted; one is struck off when the next is asked for."""
    name = keys.LEAVING.name(viewer=uid)
    while chunk := cast("list[bytes]", state_redis().srandmember(name, CHUNK)):
        yield [other.decode() for other in chunk]
        state_redis().srem(name, *chunk)


def forget(uid: str, *, until: float) -> bool:
    """Erase what the store keeps of a person, and their own keys; False if `until` (monotonic seconds) came first.

    Cost: 1 SQL, 1 store call for 500 documents, 2 waits. Raises StoreUnavailable; doing it again is safe.
    """
    pending_history.delete_for(uid)  # before the store, or a flush would bring it back there
    while get_store().erase(uid, limit=CHUNK):
        if time.monotonic() > until:
            return False
    unlink(state_redis(), [family.name(viewer=uid) for family in _OWN])
    unlink(cache_redis(), [keys.NAME.name(viewer=uid)])
    return True


def forget_among(uid: str, people: Sequence[str]) -> None:
    """Take the person off the hot timelines and profiles of up to 500 others. Cost: 3 waits."""
    timeline_cache.remove_author_from_all(people, uid)
    unlink(state_redis(), [keys.PROFILE.name(viewer=other) for other in people])


def export(uid: str) -> Iterator[tuple[str, Document]]:
    """(collection, document) of what is kept of a person, but for what is not theirs to know: who blocked them.

    Jobs are left out: they are on their way, and theirs are about others as well.
    """
    for collection, document in get_store().export(uid):
        if collection != "jobs":
            yield collection, {name: value for name, value in document.items() if name != "blocked_by"}
    for document in pending_history.export(uid):
        yield "pending_history", document


def _note(uid: str, people: Sequence[str]) -> None:
    if not people:
        return
    name = keys.LEAVING.name(viewer=uid)
    pipe = state_redis().pipeline()
    pipe.sadd(name, *people)
    pipe.expire(name, keys.LEAVING.ttl or 0)
    pipe.execute()


def _in_profile(uid: str, raw: Any) -> bool:
    profile = profiles.unpack("", raw)
    return uid in profile.unwanted or uid in profile.pulled


def _in_timeline(uid: str, members: Sequence[bytes]) -> bool:
    start = f"{uid}\0".encode()
    return any(member.startswith(start) for member in members)


NAMING: Final = (Naming(keys.PROFILE, _in_profile), Naming(keys.TIMELINE, _in_timeline))
