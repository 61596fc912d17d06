"""Privacy hooks of feed: the references to a person in sessions, plans, served lists and traces.

A reason names a friend by name ("Ama liked this"), and a plan of the following feed has the uid as well. When a person
is erased, the current sessions of their followers therefore end, and the next page gets a new plan, as after any lost
plan. A plan of an older session, which only a cursor reaches, and a trace are deleted if they contain the uid, or a
reason with the person's current name. Plans with a namesake are deleted too.

An earlier name, or the name in a plan that is built during the erasure, may remain: PLANS_KEPT_SECONDS from the start
of the plan's session at the latest, and TRACES_KEPT_SECONDS in a trace.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import orjson

from core.redis.client import state_redis, unlink_keys
from core.redis.reads import Reads
from core.redis.references import ReferenceReader
from feed import keys, plans, served_lists
from feed.feed_types import FEED_TYPES
from feed.sources.supporters import make_reason_starts

PLANS_KEPT_SECONDS: Final = plans.PLAN_MAX_TTL
TRACES_KEPT_SECONDS: Final = keys.TRACE.ttl or 0

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

    Plans of older sessions and traces remain: only a scan with `make_reference_readers` finds their keys.
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
    names = [keys.SESSION.name(viewer=uid, feed=feed) for uid, feed in sessions]  # also unreadable pointers
    for (uid, _), pointer in zip(sessions, pointers, strict=True):
        if pointer.value is not None:
            names += [key.name(viewer=uid, session=pointer.value.session) for key in (keys.PLAN, keys.SLOTS)]
    unlink_keys(state_redis(), names)


def count_references(uid: str) -> dict[str, int]:
    """Return nothing: the search over Redis keys finds all that feed stores about people."""
    return {}


def export(uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the person's served list, newest first. Cost: 1 round trip."""
    for entry in cast("list[bytes]", state_redis().lrange(keys.SERVED.name(viewer=uid), 0, -1)):
        session, item = served_lists.split_entry(entry)
        yield "served", {"session": session, "item": item}


def make_reference_readers(name: str | None) -> tuple[ReferenceReader, ...]:
    """Return the readers of plans and traces. With a name, they also find reasons that name the person by it."""
    reasons = [b'"reason":' + orjson.dumps(start)[:-1] for start in make_reason_starts(name)] if name else []

    def is_in_slots(uid: str, slots: Sequence[bytes]) -> bool:
        return any(is_in_trace(uid, slot) for slot in slots)

    def is_in_trace(uid: str, trace: bytes) -> bool:
        return any(text in trace for text in (_uid_field(uid), *reasons))

    return (
        ReferenceReader(keys.SLOTS, is_in_slots, companion=keys.PLAN),
        ReferenceReader(keys.TRACE, is_in_trace),
    )


def _uid_field(uid: str) -> bytes:
    """Return a friend's uid field as orjson writes it."""
    return b'"uid":' + orjson.dumps(uid)


REFERENCE_READERS: Final = make_reference_readers(None)
