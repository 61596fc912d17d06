"""Dead letters: events that could not be counted, stored for another attempt.

An item that the catalogue does not have may be part of an import in progress. For an hour after it was stored, such a
dead letter is retried each minute. Then staff replay or discard it; after 30 days it is deleted. The table keeps
10,000 dead letters at most, and 100 of each viewer, so that invented item ids cannot fill it.
`Checkpoint.dead_letters_lost` counts the events that were dropped because of these limits.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
from django.db import transaction
from django.db.models import Count as CountRows
from django.db.models import F, Q

from analytics import count_writer, counting, event_format
from analytics.models import Checkpoint, DeadLetter
from analytics.services import voting
from analytics.services.reader import Batch
from analytics.types import Event
from content.services import items
from core.times import to_datetime

MAX_DEAD_LETTERS: Final = 10_000
MAX_PER_VIEWER: Final = 100
RETRY_WINDOW: Final = timedelta(hours=1)
RETENTION: Final = timedelta(days=30)
LETTERS_PER_TRANSACTION: Final = 500
MAX_RETRIED_PER_RUN: Final = 2_000
_MAX_PAYLOAD_LENGTH: Final = 4_096


@dataclass(frozen=True, slots=True)
class DeadLetterTotals:
    """The number of dead letters that need review by staff, and of those that are still retried."""

    needs_review: int
    retrying: int


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The number of dead letters that were counted and deleted, and of those that remain."""

    counted: int
    remaining: int


def find_uncountable(batch: Batch, existing_items: Collection[str]) -> list[DeadLetter]:
    """Return unsaved dead letters for a batch's unreadable entries, and for events whose item does not exist."""
    unknown = [
        DeadLetter(
            shard=batch.shard,
            entry_id=event.id,
            reason=DeadLetter.Reason.UNKNOWN_ITEM,
            viewer=event.viewer,
            item=event.item,
            payload=_to_payload({event_format.FORMAT_VERSION.decode(): event_format.pack(event).decode()}),
        )
        for event in batch.events
        if event.item not in existing_items
    ]
    unreadable = [
        DeadLetter(
            shard=batch.shard,
            entry_id=entry.id,
            reason=DeadLetter.Reason.UNREADABLE,
            payload=_to_payload(dict(entry.fields)),
        )
        for entry in batch.unreadable
    ]
    return unknown + unreadable


def save(batch: Batch, letters: Sequence[DeadLetter], *, now: float) -> None:
    """Save dead letters within the limits, in the transaction that advances the checkpoint.

    Counts the others in `Checkpoint.dead_letters_lost`. Cost: none without dead letters, else 4 SQL.
    """
    if not letters:
        return
    room = max(MAX_DEAD_LETTERS - DeadLetter.objects.count(), 0)
    saved = list(_within_viewer_limit(letters))[:room]
    created_at = to_datetime(now)
    for letter in saved:
        letter.created_at = created_at
    DeadLetter.objects.bulk_create(saved, batch_size=LETTERS_PER_TRANSACTION)
    if lost := len(letters) - len(saved):
        rows = Checkpoint.objects.filter(reader=batch.reader, shard=batch.shard)
        rows.update(dead_letters_lost=F("dead_letters_lost") + lost)


def retry_condition(*, now: datetime) -> Q:
    """Return the condition for dead letters that are retried automatically. All others need review by staff."""
    return Q(reason=DeadLetter.Reason.UNKNOWN_ITEM, created_at__gt=now - RETRY_WINDOW)


def get_totals(*, now: datetime) -> DeadLetterTotals:
    """Count the dead letters in both states. Cost: 1 SQL over the whole table, which is small."""
    retrying = retry_condition(now=now)
    totals = DeadLetter.objects.aggregate(
        needs_review=CountRows("pk", filter=~retrying), retrying=CountRows("pk", filter=retrying)
    )
    return DeadLetterTotals(**totals)


def retry(*, now: datetime) -> ReplayResult:
    """Replay the oldest retrying dead letters whose item exists by now. Cost: 2 SQL, and that of `replay`."""
    retrying = DeadLetter.objects.filter(retry_condition(now=now)).order_by("created_at", "pk")
    oldest = list(retrying.values_list("pk", "item")[:MAX_RETRIED_PER_RUN])
    existing_items = items.get_existing_ids(list({item for _, item in oldest}))
    return replay([pk for pk, item in oldest if item in existing_items], now=now)


def replay(pks: Sequence[int], *, now: datetime) -> ReplayResult:
    """Count dead letters if that is possible now. Each is counted once, even if processes replay it concurrently.

    Cost for every 500: 4 SQL, 1 more for every 2,000 rows of counts, and 2 round trips for each shard that they came
    from.
    """
    counted = sum(_replay_chunk(chunk, now=now) for chunk in _chunks(pks))
    return ReplayResult(counted, DeadLetter.objects.filter(pk__in=pks).count() if pks else 0)


def discard(pks: Sequence[int]) -> int:
    """Delete dead letters without counting their events, and return how many. Cost: 1 SQL for every 500."""
    return sum(DeadLetter.objects.filter(pk__in=chunk).delete()[0] for chunk in _chunks(pks))


def expire(*, now: datetime) -> int:
    """Delete dead letters that are older than 30 days, and return how many. Cost: 1 SQL, 1 more for every 500."""
    expired = DeadLetter.objects.filter(created_at__lt=now - RETENTION)
    return discard(list(expired.values_list("pk", flat=True)[:MAX_DEAD_LETTERS]))


def parse_event(letter: DeadLetter) -> Event | None:
    """Return the dead letter's event, None if it is unreadable.

    An unreadable entry may become readable, because a newer version of the application may have written it.
    """
    try:
        fields = orjson.loads(letter.payload)
        return event_format.unpack(letter.entry_id, fields[event_format.FORMAT_VERSION.decode()].encode())
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _replay_chunk(pks: Sequence[int], *, now: datetime) -> int:
    with transaction.atomic():
        letters = DeadLetter.objects.select_for_update().filter(pk__in=pks).order_by("pk")
        readable = [(letter, event) for letter in letters if (event := parse_event(letter)) is not None]
        existing_items = items.get_existing_ids(list({event.item for _, event in readable}))
        countable = [(letter, event) for letter, event in readable if event.item in existing_items]
        for shard in sorted({letter.shard for letter, _ in countable}):
            events = [event for letter, event in countable if letter.shard == shard]
            sums = voting.get_count_sums(events, shard, now=now.timestamp())
            count_writer.add_counts(counting.to_rows(sums))
        DeadLetter.objects.filter(pk__in=[letter.pk for letter, _ in countable]).delete()
    return len(countable)


def _chunks(pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(pks), LETTERS_PER_TRANSACTION):
        yield pks[start : start + LETTERS_PER_TRANSACTION]


def _to_payload(fields: dict[str, str]) -> str:
    """Return text that both databases accept: PostgreSQL has no NUL character, and JSON escapes it."""
    return orjson.dumps(fields).decode()[:_MAX_PAYLOAD_LENGTH]


def _within_viewer_limit(letters: Sequence[DeadLetter]) -> Iterator[DeadLetter]:
    viewers = {letter.viewer for letter in letters} - {""}
    rows = DeadLetter.objects.filter(viewer__in=viewers).values_list("viewer").annotate(CountRows("pk"))
    stored: Counter[str] = Counter(dict(rows.order_by()))
    for letter in letters:
        if not letter.viewer or stored[letter.viewer] < MAX_PER_VIEWER:
            stored[letter.viewer] += 1
            yield letter
