"""Export and erase one person's events.

Counts contain no uid, and dedup keys are digests. A dead letter names its viewer. So does an entry of a stream until
all readers have read it, which takes seconds. Erasure does not delete unread entries; `count_unread_events` counts
them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from analytics import event_format, keys, stream
from analytics.models import DeadLetter
from analytics.services import dead_letters, reader
from core.redis.references import ReferenceReader

ENTRIES_PER_READ: Final = 5_000
REFERENCE_READERS: Final[tuple[ReferenceReader, ...]] = ()
# Text and JSON columns that never hold a uid. The erasure check searches all others.
COLUMNS_WITHOUT_UID: Final = frozenset(
    {
        "analytics.Count.item",
        "analytics.Count.period",
        "analytics.Count.kind",
        "analytics.Checkpoint.reader",
        "analytics.Checkpoint.stream_id",
        "analytics.Checkpoint.position",
        "analytics.Checkpoint.servers",
        "analytics.DeadLetter.entry_id",
        "analytics.DeadLetter.reason",
        "analytics.DeadLetter.item",
    }
)


def erase(uid: str, *, until: float) -> bool:
    """Delete the person's dead letters, and the stream entries that all readers have read. Return True.

    Another viewer's dead letter is deleted too if it contains the uid as a string, for example as an item id.
    Idempotent. Cost: 1 SQL and 1 round trip for each non-empty stream, 2 SQL, and 1 SQL for every 500 dead letters.
    """
    for shard in stream.get_lengths():
        reader.trim_read_entries(shard)
    dead_letters.discard(list(_iterate_dead_letters(uid)))
    return True


def erase_from_caches_of(uid: str, people: Sequence[str]) -> None:
    """Do nothing: analytics caches no data about people."""


def export(uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the person's dead letters (about 100 at most), oldest first, as ("dead_letters", document).

    Unreadable dead letters are left out, because they may be anybody's. Cost: 1 SQL.
    """
    for letter in DeadLetter.objects.filter(viewer=uid).order_by("pk"):
        yield (
            "dead_letters",
            {
                "reason": letter.reason,
                "item": letter.item,
                "created_at": letter.created_at.isoformat(),
                "payload": letter.payload,
            },
        )


def count_references(uid: str) -> dict[str, int]:
    """Count the stream entries that name the person, under the name of their key. Cost: as `count_unread_events`."""
    number = count_unread_events(uid)
    return {f"redis: {keys.EVENTS.pattern}": number} if number else {}


def count_unread_events(uid: str) -> int:
    """Return the number of stream entries that name the person. Cost: 1 round trip, 1 more for every 5,000 entries."""
    return sum(
        _names_person(uid, entry_id, fields)
        for shard in stream.get_lengths()
        for entry_id, fields in stream.iterate_entries(shard, count=ENTRIES_PER_READ)
    )


def _names_person(uid: str, entry_id: str, fields: Sequence[bytes]) -> bool:
    """Return whether an entry is the person's event, or is unreadable and contains the uid as a string."""
    quoted = orjson.dumps(uid)
    if not any(quoted in value for value in fields[1::2]):
        return False
    try:
        return event_format.unpack(entry_id, event_format.get_payload(fields)).viewer == uid
    except ValueError:
        return True


def _iterate_dead_letters(uid: str) -> Iterator[int]:
    """Yield the keys of the person's dead letters, and of those whose payload contains the uid as a string.

    The payload of an event is a JSON string within JSON, so the uid may be quoted once or twice.
    """
    yield from DeadLetter.objects.filter(viewer=uid).values_list("pk", flat=True)
    quoted = orjson.dumps(uid).decode()
    quoted_twice = orjson.dumps(quoted).decode()[1:-1]
    for form in {quoted, quoted_twice}:
        # SQL finds too much, because SQLite ignores case. Python compares exactly.
        candidates = DeadLetter.objects.exclude(viewer=uid).filter(payload__contains=form)
        yield from (pk for pk, payload in candidates.values_list("pk", "payload") if form in payload)
