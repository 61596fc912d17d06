"""What analytics does when a person leaves, and what it hands over of them.

Counts name nobody, and marks are digests. A dead letter names whose event it is, and so does an entry of a stream until
all readers have read it, which takes seconds: it is left to them, and `waiting` says how many there are.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from analytics import packing, stream
from analytics.models import DeadLetter
from analytics.services import letters, reading
from core.redis.references import Naming

WALKED: Final = 5_000  # entries of a stream in one wait
NAMING: Final[tuple[Naming, ...]] = ()


def forget(uid: str, *, until: float) -> bool:
    """Drop the person's dead letters, and what lies in the streams though all have read it.

    A letter of somebody else goes as well if it holds the uid as a string (as the id of an item that is not there).
    Cost: 1 SQL and 1 wait for each stream that is not empty, 2 SQL, and 1 for 500 letters.
    """
    for shard in stream.lengths():
        reading.trim(shard)
    letters.discard(list(_letters(uid)))
    return True


def forget_among(uid: str, people: Sequence[str]) -> None:
    """Nothing is kept hot of anybody."""


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


def waiting(uid: str) -> int:
    """How many entries of the streams name the person. Cost: 1 wait, and 1 for 5,000 entries that there are."""
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
