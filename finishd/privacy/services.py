"""Export or erase one person's data, and find references to a person that remain.

Every app that stores data about people offers hooks in `<app>.services.privacy`. `erase` is idempotent and
resumable; `finishd.privacy.erasures` repeats it until it has finished.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

from activity.services import privacy as activity
from analytics.services import privacy as analytics
from core import api_json
from core.redis import append_only, references
from core.redis.client import get_databases, unlink_keys
from core.redis.references import ReferenceReader
from feed.services import privacy as feed
from finishd.privacy.sql_references import count_sql_references


class PrivacyHooks(Protocol):
    """The functions and constants of `<app>.services.privacy`."""

    @property
    def REFERENCE_READERS(self) -> Sequence[ReferenceReader]:  # noqa: N802  (modules implement this)
        """Redis keys whose values may name people other than the owner of the key."""

    @property
    def COLUMNS_WITHOUT_UID(self) -> frozenset[str]:  # noqa: N802
        """Text and JSON columns of the app that hold no uid, as `<app>.<Model>.<field>`."""

    def erase(self, uid: str, *, until: float) -> bool:
        """Erase the person's data. Return False if `until` (monotonic seconds) came first."""

    def erase_from_caches_of(self, uid: str, people: Sequence[str]) -> None:
        """Remove the person from the cached data of up to 500 other people."""

    def count_references(self, uid: str) -> dict[str, int]:
        """Count references outside SQL tables and Redis keys of known form, by place."""

    def export(self, uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (collection, document) of all stored data about the person."""


# Content stores nothing about people. Plans are built from activity, so activity is erased first.
APPS_WITH_PEOPLE: Final[dict[str, PrivacyHooks]] = {
    "activity": activity,
    "feed": feed,
    "analytics": analytics,
}
COLUMNS_WITHOUT_UID: Final = frozenset[str]().union(
    *(hooks.COLUMNS_WITHOUT_UID for hooks in APPS_WITH_PEOPLE.values())
)
PLANS_KEPT_SECONDS: Final = feed.PLANS_KEPT_SECONDS
TRACES_KEPT_SECONDS: Final = feed.TRACES_KEPT_SECONDS
_REFERENCE_READERS: Final = [
    reader for hooks in APPS_WITH_PEOPLE.values() for reader in hooks.REFERENCE_READERS
]


def erase(uid: str, *, until: float) -> bool:
    """Erase a person everywhere. Return False if `until` (monotonic seconds) came first; call it again then.

    A write by the person that races with this may survive, so erasures run a second time after all tokens of the
    person have expired. Cost: the store's (see its `erase`), 7 round trips per 500 followers, 2 round trips, and one
    scan of each Redis server. Raises StoreUnavailable and Redis's errors.
    """
    activity.store_contacts(uid)
    if not all(hooks.erase(uid, until=until) for hooks in APPS_WITH_PEOPLE.values()):
        return False
    for contacts in activity.iterate_contacts(uid):
        for hooks in APPS_WITH_PEOPLE.values():
            hooks.erase_from_caches_of(uid, contacts)
        if time.monotonic() > until:
            return False
    readers = _make_erasure_readers(activity.get_erased_name(uid))
    for client in get_databases():
        for found in references.find_references(client, uid, readers):
            unlink_keys(client, [found.name, *([found.companion] if found.companion else [])])
    return True


def find_references(uid: str) -> dict[str, int]:
    """Count the references to a person, by place. Return an empty dictionary if there are none.

    It searches the activity store, the event streams, SQL column by column, and all Redis keys, for the uid. It does
    not search for names, nor task messages that are in the broker; they name a uid for some seconds.
    Cost: one pass over the people in the store, over the unread events, over the tables about people, and over Redis.
    Raises StoreUnavailable and Redis's errors.
    """
    counts: dict[str, int] = {}
    for hooks in APPS_WITH_PEOPLE.values():
        counts |= hooks.count_references(uid)
    # SQL comes after the streams: a reader may move an event to SQL in the meantime.
    counts |= count_sql_references(uid, app_labels=APPS_WITH_PEOPLE, without_uid=COLUMNS_WITHOUT_UID)
    for client in get_databases():
        for found in references.find_references(client, uid, _REFERENCE_READERS):
            place = f"redis: {found.key.pattern}{'' if found.is_own_key else ' of others'}"
            counts[place] = counts.get(place, 0) + 1
    return counts


def rewrite_append_only_files() -> bool:
    """Remove erased data from the append-only files of Redis. Return False to be called again later.

    Redis rewrites them in the background, within seconds or minutes. Errors are logged. Cost: 2 round trips for each
    server.
    """
    return append_only.rewrite_append_only_files(get_databases())


def export(uid: str, *, now: str) -> Iterator[bytes]:
    """Yield one JSON document in pieces: `{"uid", "exportedAt", "documents": [{"collection", "document"}, …]}`."""
    yield b'{"uid":' + api_json.dumps(uid) + b',"exportedAt":' + api_json.dumps(now) + b',"documents":['
    separator = b"\n"
    for hooks in APPS_WITH_PEOPLE.values():
        for collection, document in hooks.export(uid):
            yield separator + api_json.dumps({"collection": collection, "document": document})
            separator = b",\n"
    yield b"]}\n"


def _make_erasure_readers(name: str | None) -> list[ReferenceReader]:
    """Return readers that also find plans and traces which contain the person's name and not the uid."""
    return [*activity.REFERENCE_READERS, *analytics.REFERENCE_READERS, *feed.make_reference_readers(name)]
