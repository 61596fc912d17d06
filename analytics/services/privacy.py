"""Privacy hooks of analytics: export a person's data, erase it, and find what still names them.

Counts name nobody, and marks are digests. A dead letter names whose event it is, and so does an entry of a stream until
all readers have read it, which takes seconds: it is left to them, and `count_unread_events` counts them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from analytics import keys, packing, stream
from analytics.models import DeadLetter
from analytics.services import letters, reading
from core.redis.references import ReferenceReader

WALKED: Final = 5_000  # entries of a stream in one wait
REFERENCE_READERS: Final[tuple[ReferenceReader, ...]] = ()
# Text and JSON columns that never hold a uid. The erasure check searches all others.
COLUMNS_WITHOUT_UID: Final = frozenset(
    {
        "analytics.Count.item",
        "analytics.Count.span",
        "analytics.Count.kind",
        "analytics.Checkpoint.reader",
        "analytics.Checkpoint.born",
        "analytics.Checkpoint.position",
        "analytics.DeadLetter.event",
        "analytics.DeadLetter.reason",
        "analytics.DeadLetter.item",
    }
)


def erase(uid: str, *, until: float) -> bool:
    """Delete the person's dead letters, and the stream entries that all readers have read.

    Another viewer's dead letter is deleted too if it holds the uid as a string, for example as an unknown item id.
    Idempotent. Cost: 1 SQL and 1 round trip per non-empty stream, 2 SQL, and 1 SQL per 500 dead letters.
    """
    for shard in stream.lengths():
        reading.trim(shard)
    letters.discard(list(_letters(uid)))
    return True


def erase_from_caches_of(uid: str, people: Sequence[str]) -> None:
    """Do nothing: analytics caches no data about people."""


def export(uid: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The person's dead letters, 100 or so, the oldest first; not those that nobody can read, which may be anybody's.
    Cost: 1 SQL."""
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
    """Count the stream entries that name the person. Cost: as `count_unread_events`."""
    number = count_unread_events(uid)
    return {f"redis: {keys.EVENTS.pattern}": number} if number else {}


def count_unread_events(uid: str) -> int:
    """Count the stream entries that name the person. Cost: 1 round trip, and 1 per 5,000 entries."""
    return sum(
        _is_of(uid, event_id, fields)
        for shard in stream.lengths()
        for event_id, fields in stream.walk(shard, count=WALKED)
    )


def _is_of(uid: str, event_id: str, fields: Sequence[bytes]) -> bool:
    """Whether it is the person's event, or something unreadable that holds their uid as a string."""
    quoted = orjson.dumps(uid)
    if not any(quoted in text for text in fields[1::2]):
        return False
    try:
        return packing.unpack(event_id, packing.payload_of(fields)).viewer == uid
    except ValueError:
        return True


def _letters(uid: str) -> Iterator[int]:
    """Theirs, and those whose payload holds the uid as a string: at once, or within what the stream carried."""
    yield from DeadLetter.objects.filter(viewer=uid).values_list("pk", flat=True)
    quoted = orjson.dumps(uid).decode()
    within = orjson.dumps(quoted).decode()[1:-1]
    for form in {quoted, within}:
        # SQL's look is rough (SQLite takes A for a), Python's is exact.
        rough = DeadLetter.objects.exclude(viewer=uid).filter(payload__contains=form)
        yield from (pk for pk, payload in rough.values_list("pk", "payload") if form in payload)
