"""Privacy hooks of feed. When a person leaves, their sessions, plans and served list go, and plans of others that may
name them end.

A plan names a friend in a reason ("Ama liked this") by what they are called, and in the following feed by uid
too. So the current sessions of those who followed the person end; their next page is planned anew, as after any
lost plan. A plan of an older session, only reachable through a cursor, goes if it holds the uid; a bare name in a
reason may stand there until it expires, two hours after its session began at the latest.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import orjson

from core.redis.client import state_redis, unlink_keys
from core.redis.references import ReferenceReader
from feed import keys
from feed.pipeline import FEEDS
from feed.plans import Pointer

# Text and JSON columns that never hold a uid. The erasure check searches all others.
COLUMNS_WITHOUT_UID: Final = frozenset(
    {
        "feed.IndexBuild.outcome",
        "feed.IndexBuild.sizes",
        "feed.IndexBuild.genres",
        "feed.IndexBuild.detail",
    }
)


def erase(uid: str, *, until: float) -> bool:
    """End the person's sessions and drop what they were served. Cost: 3 waits. Plans of older sessions and traces
    lie under keys that only a scan finds."""
    end_sessions([uid])
    unlink_keys(state_redis(), [keys.SERVED.name(viewer=uid)])
    return True


def erase_from_caches_of(uid: str, people: Sequence[str]) -> None:
    """End the sessions of up to 500 people whose plans may name the person. Cost: 2 waits."""
    end_sessions(people)


def end_sessions(people: Sequence[str]) -> None:
    """Drop the session pointers of people, and the plans that they point to. Cost: 2 waits."""
    pointers = [(uid, keys.SESSION.name(viewer=uid, feed=feed)) for uid in people for feed in FEEDS]
    pipe = state_redis().pipeline()
    for _, name in pointers:
        pipe.get(name)
    gone: list[str] = []
    for (uid, name), raw in zip(pointers, pipe.execute(), strict=True):
        if (pointer := Pointer.unpacked(raw)) is not None:
            gone.append(name)
            gone += [family.name(viewer=uid, session=pointer.session) for family in (keys.PLAN, keys.SLOTS)]
    unlink_keys(state_redis(), gone)


def count_references(uid: str) -> dict[str, int]:
    """Return nothing: the search over Redis keys finds all that feed stores about people."""
    return {}


def export(uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the person was lately served, newest first: it is in Redis only. Cost: 1 wait."""
    for entry in cast("list[bytes]", state_redis().lrange(keys.SERVED.name(viewer=uid), 0, -1)):
        session, _, item = entry.decode().partition(" ")
        yield "served", {"session": session, "item": item}


def _in_slots(uid: str, slots: Sequence[bytes]) -> bool:
    return any(_uid_field(uid) in slot for slot in slots)


def _in_trace(uid: str, trace: bytes) -> bool:
    return _uid_field(uid) in trace


def _uid_field(uid: str) -> bytes:
    """How a friend stands in JSON that orjson wrote."""
    return b'"uid":' + orjson.dumps(uid)


REFERENCE_READERS: Final = (
    ReferenceReader(keys.SLOTS, _in_slots, companion=keys.PLAN),
    ReferenceReader(keys.TRACE, _in_trace),
)
