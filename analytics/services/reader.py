"""Read events from the streams: batch by batch, each event once, even if processes crash.

    batch = reader.read_batch(HISTORY_READER, shard, now=now)
    with transaction.atomic():
        reader.advance_checkpoint(batch, now=now)
        save(batch.events)
    reader.trim_read_entries(shard)

A reader stores its result and its checkpoint in one transaction. If two processes run the same reader, only one of
them can advance the checkpoint from a given position. So each batch takes effect once, however often it was started,
without a lock or a consumer group.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import F

from analytics import dedup, event_format, stream
from analytics.models import Checkpoint
from analytics.services.checkpoints import ensure_checkpoint, has_stream_changed, reset_checkpoints
from analytics.types import READERS, Event, parse_entry_id
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from core.times import to_datetime

BATCH_SIZE: Final = 5_000
TASK_SLICE_SECONDS: Final = 5.0  # the time after which a task queues the rest of the backlog

logger = logging.getLogger(__name__)


class CheckpointMoved(Exception):
    """Another process advanced this reader, or the stream changed. The caller's transaction must roll back."""


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """A stream entry that is not an event, with its fields as text."""

    id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Batch:
    """The next events of a reader, oldest first, without duplicates.

    `start_id` is the checkpoint's position, `end_id` the id of the last entry read. `entry_count` includes duplicates.
    `has_more` says that the stream probably has further entries. `servers` are those that the stream was appended to,
    `resets` is the number of times that Redis lost the stream or its end.
    """

    reader: str
    shard: int
    stream_id: str
    start_id: str
    end_id: str
    entry_count: int
    events: Sequence[Event]
    unreadable: Sequence[UnreadableEntry]
    has_more: bool
    servers: Sequence[stream.Server] = ()
    resets: int = 0

    @property
    def stream_name(self) -> str:
        """A name of the stream in which entry ids only rise. After a reset they may be lower than before."""
        name = f"{self.shard} {self.stream_id}"
        return f"{name} {self.resets}" if self.resets else name

    @property
    def duplicates(self) -> int:
        return self.entry_count - len(self.events) - len(self.unreadable)


def read_batch(reader: str, shard: int, *, now: float, count: int | None = None) -> Batch | None:
    """Read a reader's next batch of up to `count` entries (BATCH_SIZE by default). None if there is no backlog.

    Only registers dedup keys; the checkpoint does not change. If Redis has lost the stream or its end, the checkpoints
    of all readers of the shard are reset to where reading goes on, and a warning is logged.
    Cost: 1 SQL (a few more for a new shard), 3 round trips. Raises Redis errors and database errors.
    """
    max_entries = BATCH_SIZE if count is None else count
    checkpoint = ensure_checkpoint(reader, shard)
    result = stream.read(shard, after=checkpoint.position, count=max_entries)
    if has_stream_changed(checkpoint, result.state):
        reset_checkpoints(shard, result.state)
        checkpoint = ensure_checkpoint(reader, shard)
        result = stream.read(shard, after=checkpoint.position, count=max_entries)
    if not result.entries or result.state.stream_id != checkpoint.stream_id:
        return None
    events, unreadable = _unpack(result.entries)
    return Batch(
        reader=reader,
        shard=shard,
        stream_id=checkpoint.stream_id,
        start_id=checkpoint.position,
        end_id=result.entries[-1][0],
        entry_count=len(result.entries),
        events=_drop_duplicates(events, shard, now=now),
        unreadable=unreadable,
        has_more=len(result.entries) == max_entries,
        servers=result.state.servers,
        resets=checkpoint.stream_resets,
    )


def advance_checkpoint(batch: Batch, *, now: float) -> None:
    """Move the checkpoint to the end of the batch, in the transaction that stores the batch's result.

    Call this first in the transaction: if two processes read the same batch, the second one blocks here and then
    raises CheckpointMoved. Cost: 1 SQL.
    """
    advanced = Checkpoint.objects.filter(
        reader=batch.reader, shard=batch.shard, stream_id=batch.stream_id, position=batch.start_id
    ).update(
        position=batch.end_id,
        servers="\n".join(map(str, batch.servers)),
        entries_read=F("entries_read") + batch.entry_count,
        events=F("events") + len(batch.events),
        duplicates=F("duplicates") + batch.duplicates,
        rate=_compute_rate(batch),
        advanced_at=to_datetime(now),
    )
    if not advanced:
        raise CheckpointMoved(
            f"{batch.reader} reader of shard {batch.shard} is no longer at {batch.start_id}"
        )


def trim_read_entries(shard: int) -> None:
    """Delete the entries that all readers have read. Cost: 1 SQL, 1 round trip."""
    rows = Checkpoint.objects.filter(shard=shard, reader__in=READERS).values_list("stream_id", "position")
    checkpoints = list(rows)
    if len(checkpoints) == len(READERS) and len({stream_id for stream_id, _ in checkpoints}) == 1:
        slowest = min((position for _, position in checkpoints), key=parse_entry_id)
        if slowest != stream.STREAM_START:
            stream.trim(shard, upto=slowest)


def get_shards_with_backlog(reader: str) -> list[int]:
    """Return the shards that have unread entries for a reader, or whose stream was lost.

    Includes shards that a lower ANALYTICS_SHARDS has left behind. Cost: 1 SQL, 2 round trips.
    """
    checkpoints = {row.shard: row for row in Checkpoint.objects.filter(reader=reader)}
    shards = sorted({*checkpoints, *stream.get_lengths()})
    positions = {
        (shard, reader): checkpoints[shard].position if shard in checkpoints else stream.STREAM_START
        for shard in shards
    }
    states = stream.get_states(positions)
    return [
        shard
        for shard in shards
        if states[shard, reader].oldest_unread_id
        or (shard in checkpoints and has_stream_changed(checkpoints[shard], states[shard, reader]))
    ]


def run_for(step: Callable[[], bool], *, seconds: float) -> bool:
    """Call `step` until it returns False or the time is up. Return whether there is more to do.

    A CheckpointMoved error ends the run, and so does an unavailable Redis or database: the checkpoint is unchanged, so
    the next run reads the same events.
    """
    until = time.monotonic() + seconds
    try:
        while step():
            if time.monotonic() > until:
                return True
    except CheckpointMoved as error:
        logger.debug("%s", error)
    except (SqlUnavailable, *REDIS_UNAVAILABLE) as error:
        logger.warning(
            "event reader stopped, backlog grows: unavailable (%s: %s)", type(error).__name__, error
        )
    return False


def _compute_rate(batch: Batch) -> float:
    """Return events per second, from the arrival of the previous batch's end to the arrival of this one's."""
    if batch.start_id == stream.STREAM_START:
        return 0.0
    milliseconds = parse_entry_id(batch.end_id)[0] - parse_entry_id(batch.start_id)[0]
    return round(batch.entry_count / max(milliseconds / 1_000, 1.0), 3)


def _drop_duplicates(events: Sequence[Event], shard: int, *, now: float) -> list[Event]:
    entries = [dedup.DedupEntry(event.dedup_key, dedup.make_owner(shard, event.id)) for event in events]
    results = dedup.register(entries, now=now)
    return [event for event, result in zip(events, results, strict=True) if result == dedup.NEW]


def _unpack(entries: Sequence[stream.Entry]) -> tuple[list[Event], list[UnreadableEntry]]:
    events: list[Event] = []
    unreadable: list[UnreadableEntry] = []
    for entry_id, fields in entries:
        try:
            events.append(event_format.unpack(entry_id, event_format.get_payload(fields)))
        except ValueError:
            texts = [field.decode(errors="replace") for field in fields]
            unreadable.append(UnreadableEntry(entry_id, dict(zip(texts[::2], texts[1::2], strict=True))))
    return events, unreadable
