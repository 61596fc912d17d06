"""Privacy hooks of activity: export a person's data, erase it, and find what still names them.

The store is erased in batches. Before the edges are deleted, the uids of followers and of people in a block with the
person are stored in Redis, because cached copies of theirs may name the person. These copies are deleted in batches
after the durable rows. The person's name is stored too, to find plans that contain it. Every step is idempotent.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

import orjson

from activity import keys, timeline_cache, undone, unfollowed
from activity.services import pending_history, profiles
from activity.store import get_store
from activity.types import StoredDocument
from core.redis.client import cache_redis, state_redis, unlink_keys
from core.redis.keys import unescape_hash_tag
from core.redis.references import ReferenceReader

BATCH_SIZE: Final = 500
OWN_KEYS: Final = (
    keys.PROFILE,
    keys.SEEN_ITEMS,
    keys.RECENTLY_SEEN,
    keys.SKIPPED_TITLES,
    keys.TIMELINE,
    keys.TIMELINE_LOAD,
    keys.TIMELINE_REBUILD,
    keys.ACTIVE,
    keys.PULL_ACTIVITIES,
    keys.UNFOLLOWED,
)
# Text and JSON columns that never hold a uid. The erasure check searches all others.
COLUMNS_WITHOUT_UID: Final = frozenset(
    {
        "activity.Person.name",
        "activity.Person.picture",
        "activity.Person.genres",
        "activity.Person.title_affinity_sums",
        "activity.Person.event_affinity_sums",
        "activity.Person.skipped",
        "activity.Person.stream_positions",
        "activity.Person.finished",
        "activity.Person.preferences",
        "activity.Person.reach",
        "activity.SeenHistory.items",
        "activity.Activity.title",
        "activity.Activity.status",
        "activity.Activity.origin",
        "activity.Activity.affinity_gain",
        "activity.TimelineRow.title",
        "activity.TimelineRow.status",
        "activity.TimelineRow.author_name",
        "activity.TimelineRow.author_picture",
        "activity.Job.kind",
        "activity.PendingHistory.stream",
        "activity.PendingHistory.end_id",
        "activity.PendingHistory.delta",
    }
)


def store_contacts(uid: str) -> None:
    """Store the uids of people whose cached copies may name the person, for `iterate_contacts`, and the person's name.

    Cost: 1 store call and 1 round trip per 500 followers, and 1 round trip.
    """
    profile = get_store().get_profile(uid)
    if profile is not None and profile.name:
        state_redis().set(keys.ERASURE_NAME.name(viewer=uid), profile.name, ex=keys.ERASURE_NAME.ttl)
    _add_contacts(uid, sorted(profile.blocked_uids) if profile else [])
    cursor = ""
    while followers := get_store().get_follower_uids(uid, after=cursor, limit=BATCH_SIZE):
        _add_contacts(uid, followers)
        cursor = followers[-1]


def get_erased_name(uid: str) -> str | None:
    """Return the name that `store_contacts` stored. None if the person had none or was erased before. 1 round trip."""
    name = cast("bytes | None", state_redis().get(keys.ERASURE_NAME.name(viewer=uid)))
    return name.decode() if name else None


def get_unfinished_erasures() -> set[str]:
    """Return the uids whose erasure began within the last day and did not finish, as far as Redis knows.

    Cost: 1 round trip per 500 keys.
    """
    return {
        unescape_hash_tag(name.decode().partition("{")[2].removesuffix("}"))
        for key in (keys.ERASURE_NAME, keys.ERASURE_CONTACTS)
        for name in state_redis().scan_iter(match=key.pattern.replace("<viewer>", "*"), count=BATCH_SIZE)
    }


def iterate_people() -> Iterator[str]:
    """Yield the uids of all people in the store. Cost: 1 store call per 500 people. Raises StoreUnavailable."""
    cursor = ""
    while uids := get_store().get_uids(after=cursor, limit=BATCH_SIZE):
        yield from uids
        cursor = uids[-1]


def iterate_contacts(uid: str) -> Iterator[list[str]]:
    """Yield batches of the uids that `store_contacts` stored. A batch is removed when the next one is requested."""
    name = keys.ERASURE_CONTACTS.name(viewer=uid)
    while batch := cast("list[bytes]", state_redis().srandmember(name, BATCH_SIZE)):
        yield [other.decode() for other in batch]
        state_redis().srem(name, *batch)


def erase(uid: str, *, until: float) -> bool:
    """Erase a person's data in the store and their own keys. Return False if `until` (monotonic seconds) came first.

    Idempotent. Cost: 1 SQL, 1 store call per 500 documents, 4 round trips. Raises StoreUnavailable.
    """
    pending_history.delete_for(uid)  # before the store, because a flush would write it there again
    while get_store().erase(uid, limit=BATCH_SIZE):
        if time.monotonic() > until:
            return False
    unlink_keys(state_redis(), [key.name(viewer=uid) for key in OWN_KEYS])
    unlink_keys(cache_redis(), [keys.NAME.name(viewer=uid)])
    undone.remove_author(uid)
    return True


def erase_from_caches_of(uid: str, people: Sequence[str]) -> None:
    """Remove the person from the cached timelines and profiles of up to 500 others. Cost: 3 round trips."""
    timeline_cache.remove_author_from_all(people, uid)
    unlink_keys(state_redis(), [keys.PROFILE.name(viewer=other) for other in people])


def count_references(uid: str) -> dict[str, int]:
    """Count the documents of the activity store that name the person, by collection (`store: <collection>`).

    Cost: that of the store's `count_references`. Raises StoreUnavailable.
    """
    return {f"store: {name}": number for name, number in get_store().count_references(uid).items()}


def export(uid: str) -> Iterator[tuple[str, StoredDocument]]:
    """Yield (collection, document) of all data about a person, except the people who block them.

    Jobs are left out: they are temporary, and they name other people.
    """
    for collection, document in get_store().export(uid):
        if collection != "jobs":
            yield collection, {name: value for name, value in document.items() if name != "blocked_by"}
    for document in pending_history.export(uid):
        yield "pending_history", document


def _add_contacts(uid: str, people: Sequence[str]) -> None:
    if not people:
        return
    name = keys.ERASURE_CONTACTS.name(viewer=uid)
    pipe = state_redis().pipeline()
    pipe.sadd(name, *people)
    pipe.expire(name, keys.ERASURE_CONTACTS.ttl or 0)
    pipe.execute()


def _profile_contains(uid: str, raw: Any) -> bool:
    profile = profiles.unpack("", raw)
    if profile is None:
        return orjson.dumps(uid) in raw
    return uid in profile.blocked_uids or uid in profile.pull_list


def _timeline_contains(uid: str, members: Sequence[bytes]) -> bool:
    start = f"{uid}\0".encode()
    return any(member.startswith(start) for member in members)


REFERENCE_READERS: Final = (
    ReferenceReader(keys.PROFILE, _profile_contains),
    ReferenceReader(keys.TIMELINE, _timeline_contains),
    ReferenceReader(keys.UNDONE, _timeline_contains),
    ReferenceReader(keys.UNFOLLOWED, unfollowed.contains),
)
