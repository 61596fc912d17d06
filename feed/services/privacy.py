"""Privacy hooks of feed: the references to a person in sessions, plans, served lists and traces.

A reason names a friend by name ("Ama liked this"), and a plan of the following feed has the uid as well. When a person
is erased, the current sessions of their followers therefore end, and the next page gets a new plan, as after any lost
plan. A plan of an older session, which only a cursor reaches, is deleted if it contains the uid. A bare name in a
reason may remain until the plan expires, two hours after its session started at the latest.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import orjson

from core.redis.client import state_redis, unlink_keys
from core.redis.reads import Reads
from core.redis.references import ReferenceReader
from feed import keys, plans
from feed.feed_types import FEED_TYPES

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
    """End the person's sessions and delete their served list. Cost: 3 round trips.

    Plans of older sessions and traces remain: only a scan finds their keys.
    """
    end_sessions([uid])
    unlink_keys(state_redis(), [keys.SERVED.name(viewer=uid)])
    return True


def erase_from_caches_of(uid: str, people: Sequence[str]) -> None:
    """End the sessions of up to 500 people whose plans may name the person. Cost: 2 round trips."""
    end_sessions(people)


def end_sessions(people: Sequence[str]) -> None:
    """Delete the session pointers of people and the plans that they point to. Cost: 2 round trips."""
    sessions = [(uid, feed) for uid in people for feed in FEED_TYPES]
    reads = Reads(state_redis())
    pointers = [reads.add(plans.read_pointer(uid, feed)) for uid, feed in sessions]
    reads.execute()
    names: list[str] = []
    for (uid, feed), pointer in zip(sessions, pointers, strict=True):
        if pointer.value is not None:
            names.append(keys.SESSION.name(viewer=uid, feed=feed))
            names += [key.name(viewer=uid, session=pointer.value.session) for key in (keys.PLAN, keys.SLOTS)]
    unlink_keys(state_redis(), names)


def count_references(uid: str) -> dict[str, int]:
    """Return nothing: the search over Redis keys finds all that feed stores about people."""
    return {}


def export(uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the person's served list, newest first. Cost: 1 round trip."""
    for entry in cast("list[bytes]", state_redis().lrange(keys.SERVED.name(viewer=uid), 0, -1)):
        session, _, item = entry.decode().partition(" ")
        yield "served", {"session": session, "item": item}


def _is_in_slots(uid: str, slots: Sequence[bytes]) -> bool:
    return any(_uid_field(uid) in slot for slot in slots)


def _is_in_trace(uid: str, trace: bytes) -> bool:
    return _uid_field(uid) in trace


def _uid_field(uid: str) -> bytes:
    """Return a friend's uid field as orjson writes it."""
    return b'"uid":' + orjson.dumps(uid)


REFERENCE_READERS: Final = (
    ReferenceReader(keys.SLOTS, _is_in_slots, companion=keys.PLAN),
    ReferenceReader(keys.TRACE, _is_in_trace),
)
