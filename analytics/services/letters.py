"""Dead letters: events that cannot be counted, kept for a second try.

An item that the catalogue does not have may only be late (an import under way), so for an hour after it came such
an event is held and tried again each minute. After that it lies here until staff replay or discard it, or for 30
days. Whoever makes ids up cannot fill the table: it keeps 10,000 letters, and 100 of any one viewer; what finds no
room is counted in `Checkpoint.letters_lost`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
from django.db import transaction
from django.db.models import Count as Number
from django.db.models import F, Q

from analytics import adding, fold, packing
from analytics.models import Checkpoint, DeadLetter
from analytics.services import voting
from analytics.services.reading import Batch
from analytics.types import Event
from content.services import items
from core.times import to_datetime

MOST: Final = 10_000
MOST_OF_VIEWER: Final = 100
GRACE: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=30)
AT_ONCE: Final = 500
HELD_READ: Final = 2_000  # letters that one run tries again
_PAYLOAD_LENGTH: Final = 4_096


@dataclass(frozen=True, slots=True)
class Standing:
    """How many letters wait for staff, and how many are held and tried again."""

    staff: int
    held: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many letters were counted (and are gone), and how many stay because they still cannot be."""

    counted: int
    left: int


def of(batch: Batch, known: Collection[str]) -> list[DeadLetter]:
    """What of a batch cannot be counted: entries that are no events, and events of items that are not known."""
    unknown = [
        DeadLetter(
            shard=batch.shard,
            event=event.id,
            reason=DeadLetter.Reason.UNKNOWN_ITEM,
            viewer=event.viewer,
            item=event.item,
            payload=_payload({packing.LAYOUT.decode(): packing.pack(event).decode()}),
        )
        for event in batch.events
        if event.item not in known
    ]
    broken = [
        DeadLetter(
            shard=batch.shard,
            event=entry.id,
            reason=DeadLetter.Reason.BROKEN,
            payload=_payload(dict(entry.fields)),
        )
        for entry in batch.broken
    ]
    return unknown + broken


def keep(batch: Batch, letters: Sequence[DeadLetter], *, now: float) -> None:
    """Keep those that find room, in the transaction that advances the reader. Cost: none for none, else 4 SQL."""
    if not letters:
        return
    room = max(MOST - DeadLetter.objects.count(), 0)
    kept = list(_within_viewers_room(letters))[:room]
    moment = to_datetime(now)
    for letter in kept:
        letter.created_at = moment
    DeadLetter.objects.bulk_create(kept, batch_size=AT_ONCE)
    if lost := len(letters) - len(kept):
        rows = Checkpoint.objects.filter(reader=batch.reader, shard=batch.shard)
        rows.update(letters_lost=F("letters_lost") + lost)


def held(*, now: datetime) -> Q:
    """Of `DeadLetter`: those that are tried again by themselves. All others wait for staff."""
    return Q(reason=DeadLetter.Reason.UNKNOWN_ITEM, created_at__gt=now - GRACE)


def standing(*, now: datetime) -> Standing:
    """How many there are of either kind. Cost: 1 SQL, the table being small."""
    tried = held(now=now)
    return Standing(
        **DeadLetter.objects.aggregate(staff=Number("pk", filter=~tried), held=Number("pk", filter=tried))
    )


def retry(*, now: datetime) -> Replayed:
    """Count what was held and is known by now. Cost: 2 SQL, and for those what `replay` costs."""
    waiting = DeadLetter.objects.filter(held(now=now))
    oldest = list(waiting.order_by("created_at", "pk").values_list("pk", "item")[:HELD_READ])
    known = items.get_existing_ids(list({item for _, item in oldest}))
    return replay([pk for pk, item in oldest if item in known])


def replay(pks: Sequence[int]) -> Replayed:
    """Count these letters if that is possible now; each at most once, whoever else does the same.

    Cost for 500: 4 SQL and one for 2,000 rows of counts, 2 waits for each shard that they came from.
    """
    counted = sum(_replay(pks[start : start + AT_ONCE]) for start in range(0, len(pks), AT_ONCE))
    return Replayed(counted, DeadLetter.objects.filter(pk__in=pks).count() if pks else 0)


def discard(pks: Sequence[int]) -> int:
    """Drop these letters; how many went. Cost: 1 SQL for 500."""
    return sum(
        DeadLetter.objects.filter(pk__in=pks[start : start + AT_ONCE]).delete()[0]
        for start in range(0, len(pks), AT_ONCE)
    )


def expire(*, now: datetime) -> int:
    """Drop letters of more than 30 days; how many went. Cost: 2 SQL, the table being small."""
    return discard(
        list(DeadLetter.objects.filter(created_at__lt=now - KEPT).values_list("pk", flat=True)[:MOST])
    )


def event_of(letter: DeadLetter) -> Event | None:
    """What the letter holds, if it can be read (by now: it may have been written by a newer version)."""
    try:
        fields = orjson.loads(letter.payload)
        return packing.unpack(letter.event, fields[packing.LAYOUT.decode()].encode())
    except (KeyError, ValueError):
        return None


def _replay(pks: Sequence[int]) -> int:
    with transaction.atomic():
        letters = DeadLetter.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        found = [(letter, event) for letter in letters if (event := event_of(letter)) is not None]
        known = items.get_existing_ids(list({event.item for _, event in found}))
        good = [(letter, event) for letter, event in found if event.item in known]
        for shard in sorted({letter.shard for letter, _ in good}):
            events = [event for letter, event in good if letter.shard == shard]
            adding.add(fold.rows(voting.sums_of(events, shard)))
        DeadLetter.objects.filter(pk__in=[letter.pk for letter, _ in good]).delete()
    return len(good)


def _payload(fields: dict[str, str]) -> str:
    """As text that both databases take: PostgreSQL has no NUL (JSON writes it as an escape)."""
    return orjson.dumps(fields).decode()[:_PAYLOAD_LENGTH]


def _within_viewers_room(letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
    viewers = {letter.viewer for letter in letters} - {""}
    rows = DeadLetter.objects.filter(viewer__in=viewers).values_list("viewer").annotate(Number("pk"))
    there: Counter[str] = Counter(dict(rows.order_by()))
    for letter in letters:
        if not letter.viewer or there[letter.viewer] < MOST_OF_VIEWER:
            there[letter.viewer] += 1
            yield letter
