"""How a reader goes through the events: batch by batch, each event once, whatever dies on the way.

    batch = reading.take(PEOPLE, shard, now=now)
    with transaction.atomic():
        reading.advance(batch, now=now)
        keep(batch.events)
    reading.trim(shard)

What a reader keeps and how far it is (its checkpoint) are one transaction, and of two readers of the same name only
one can advance from the same place. So a batch counts once, however often it is begun. There is no lock and no
consumer group.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from analytics import marks, packing, stream
from analytics.marks import Claim
from analytics.models import Checkpoint
from analytics.types import READERS, Event
from core.redis.client import REDIS_UNAVAILABLE
from core.times import to_datetime

BATCH: Final = 5_000
GO_ON_SECONDS: Final = 5.0  # of one task; what waits then is the next message's

logger = logging.getLogger(__name__)


class Overtaken(Exception):
    """Another process advanced this reader, or the stream is another one: what was done is to be rolled back."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry that is no event, with its fields as text."""

    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """Events that a reader has not had, oldest first, without those that were sent before; `end` is the id of the
    last entry read. `more`: further ones wait."""

    reader: str
    shard: int
    born: str
    start: str
    end: str
    read: int
    events: Sequence[Event]
    broken: Sequence[Broken]
    more: bool

    @property
    def duplicates(self) -> int:
        return self.read - len(self.events) - len(self.broken)


def take(reader: str, shard: int, *, count: int = BATCH, now: float) -> Batch | None:
    """The next batch of a reader; None if nothing waits. Changes nothing but the marks of events.

    Notices a stream that is not the one which the checkpoint is of (Redis was emptied): the checkpoints of all the
    shard's readers go to its beginning, and a line is logged. Cost: 1 SQL (a few more for a new shard), 3 waits.
    """
    checkpoint = _checkpoint(reader, shard)
    found = stream.read(shard, after=checkpoint.position, count=count)
    if _is_another(checkpoint, found.state):
        _reset(shard, found.state)
        checkpoint = _checkpoint(reader, shard)
        found = stream.read(shard, after=checkpoint.position, count=count)
    if not found.entries or found.state.born != checkpoint.born:
        return None
    events, broken = _unpacked(found.entries)
    claims = [Claim(event.digest, marks.holder(shard, event.id)) for event in events]
    answers = marks.claim(claims, now=now)
    return Batch(
        reader=reader,
        shard=shard,
        born=checkpoint.born,
        start=checkpoint.position,
        end=found.entries[-1][0],
        read=len(found.entries),
        events=[event for event, answer in zip(events, answers, strict=True) if answer == marks.FRESH],
        broken=broken,
        more=len(found.entries) == count,
    )


def advance(batch: Batch, *, now: float) -> None:
    """Move the reader behind the batch, in the transaction that keeps what the batch brought; call it first, so that
    of two at once the second waits here and then does nothing. Raises Overtaken. Cost: 1 SQL."""
    moved = Checkpoint.objects.filter(
        reader=batch.reader, shard=batch.shard, born=batch.born, position=batch.start
    ).update(
        position=batch.end,
        read=F("read") + batch.read,
        events=F("events") + len(batch.events),
        duplicates=F("duplicates") + batch.duplicates,
        rate=_rate(batch),
        moved_at=to_datetime(now),
    )
    if not moved:
        raise Overtaken(f"{batch.reader} of shard {batch.shard} is no longer at {batch.start}")


def trim(shard: int) -> None:
    """Drop what all readers have read. Cost: 1 SQL, 1 wait."""
    rows = Checkpoint.objects.filter(shard=shard, reader__in=READERS).values_list("born", "position")
    readers = list(rows)
    if len(readers) == len(READERS) and len({born for born, _ in readers}) == 1:
        slowest = min((position for _, position in readers), key=stream.place)
        if slowest != stream.START:
            stream.trim(shard, upto=slowest)


def waiting(reader: str) -> list[int]:
    """The shards in whose streams something waits for a reader, whatever ANALYTICS_SHARDS says now, and those whose
    stream is gone. Cost: 1 SQL, 2 waits."""
    known = {row.shard: row for row in Checkpoint.objects.filter(reader=reader)}
    shards = sorted({*known, *stream.lengths()})
    positions = {
        (shard, reader): known[shard].position if shard in known else stream.START for shard in shards
    }
    states = stream.states(positions)
    return [
        shard
        for shard in shards
        if states[shard, reader].first
        or (shard in known and _is_another(known[shard], states[shard, reader]))
    ]


def go_on(step: Callable[[], bool], *, seconds: float = GO_ON_SECONDS) -> bool:
    """Take a reader's step again and again while it says that more waits; True if that is so when time is up.

    A step that was overtaken ends it, and so does a part that is away: what was not kept is read again.
    """
    until = time.monotonic() + seconds
    try:
        while step():
            if time.monotonic() > until:
                return True
    except Overtaken as reason:
        logger.debug("%s", reason)
    except (OperationalError, InterfaceError, *REDIS_UNAVAILABLE) as reason:
        logger.warning("events wait: %s: %s", type(reason).__name__, reason)
    return False


def _rate(batch: Batch) -> float:
    """Events per second between the batch before and the end of this one, by when they arrived."""
    if batch.start == stream.START:
        return 0.0
    milliseconds = stream.place(batch.end)[0] - stream.place(batch.start)[0]
    return round(batch.read / max(milliseconds / 1_000, 1.0), 3)


def _checkpoint(reader: str, shard: int) -> Checkpoint:
    """All readers' checkpoints of a shard are made together: trimming waits for each of them."""
    found = Checkpoint.objects.filter(reader=reader, shard=shard).first()
    if found is None:
        rows = [Checkpoint(reader=name, shard=shard) for name in READERS]
        Checkpoint.objects.bulk_create(rows, ignore_conflicts=True)
        found = Checkpoint.objects.get(reader=reader, shard=shard)
    return found


def _is_another(checkpoint: Checkpoint, state: stream.State) -> bool:
    """Whether the checkpoint is of another stream, or lies beyond the end of this one."""
    if (state.born or "") != checkpoint.born:
        return True
    return stream.place(checkpoint.position) > stream.place(state.last)


def _reset(shard: int, state: stream.State) -> None:
    """Let all readers of a shard begin with the stream that is there now."""
    with transaction.atomic():
        rows = Checkpoint.objects.select_for_update().filter(shard=shard).order_by("reader")
        others = [row for row in rows if _is_another(row, state)]
        lost = [f"{row.reader} was at {row.position} of {row.born}" for row in others if row.born]
        for row in others:
            row.resets += 1 if row.born else 0
            # The same stream, cut short (an fsync that never was): what is left of it was read.
            same = row.born == state.born
            row.position, row.read = (state.last, state.added) if same else (stream.START, 0)
            row.born = state.born or ""
            row.save(update_fields=["position", "read", "born", "resets"])
    if lost:
        logger.warning("shard %s: Redis lost events; %s; goes on with %s", shard, ", ".join(lost), state)


def _unpacked(entries: Sequence[stream.Entry]) -> tuple[list[Event], list[Broken]]:
    events: list[Event] = []
    broken: list[Broken] = []
    for event_id, fields in entries:
        try:
            events.append(packing.unpack(event_id, packing.payload_of(fields)))
        except ValueError:
            texts = [field.decode(errors="replace") for field in fields]
            broken.append(Broken(event_id, dict(zip(texts[::2], texts[1::2], strict=True))))
    return events, broken
