"""Measure the backlog and lag of readers, for metrics, admin and readiness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Count as CountRows

from analytics import dedup, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.types import READERS, parse_entry_id

LATE_AFTER_SECONDS: Final = 60.0  # a lag that staff should look at
RATE_TTL: Final = 60.0  # seconds for which a batch's rate is shown


@dataclass(frozen=True, slots=True)
class ReaderLag:
    """The progress of one reader in one shard.

    `backlog` is a number of unread events, `lag_seconds` the age of the oldest. `rate` is events per second in the
    newest batch, 0 if that batch is older than a minute. The counters cover the shard's whole life.
    """

    reader: str
    shard: int
    backlog: int
    lag_seconds: float
    rate: float
    events: int
    duplicates: int
    dead_letters_lost: int
    stream_resets: int
    advanced_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lag:
    """The progress of all readers in all shards, and the number of dead letters by reason."""

    readers: Sequence[ReaderLag]
    dead_letters_by_reason: Mapping[str, int]

    @property
    def backlog(self) -> int:
        """The backlog of the slowest reader."""
        return max((sum(r.backlog for r in self.readers if r.reader == name) for name in READERS), default=0)

    @property
    def lag_seconds(self) -> float:
        """The age of the oldest unread event."""
        return max((reader.lag_seconds for reader in self.readers), default=0.0)

    @property
    def dead_letters(self) -> int:
        return sum(self.dead_letters_by_reason.values())

    @property
    def stream_resets(self) -> int:
        """The number of streams that Redis lost. All readers of a shard count the same resets."""
        return sum(
            max((r.stream_resets for r in self.readers if r.shard == shard), default=0)
            for shard in {r.shard for r in self.readers}
        )

    @property
    def late(self) -> bool:
        return self.lag_seconds > LATE_AFTER_SECONDS


def measure(*, now: float) -> Lag:
    """Measure the current lag. Cost: 2 SQL, 1 round trip. Raises core.outages.REDIS_UNAVAILABLE."""
    checkpoints = _get_checkpoints()
    states = stream.get_states({(row.shard, row.reader): row.position for row in checkpoints})
    letters = dict(DeadLetter.objects.values_list("reason").annotate(CountRows("pk")).order_by())
    letters_by_reason = {reason: letters.get(reason, 0) for reason in DeadLetter.Reason.values}
    readers = [_measure_reader(row, states[row.shard, row.reader], now=now) for row in checkpoints]
    return Lag(readers, letters_by_reason)


def get_dedup_health() -> dedup.DedupHealth:
    """Return the number of stored dedup keys, and of those evicted early. Cost: 1 round trip."""
    return dedup.get_health()


def _get_checkpoints() -> list[Checkpoint]:
    """Return all checkpoints. A reader without one has not started, but may have a backlog: it gets an unsaved one."""
    shards = range(settings.ANALYTICS_SHARDS)
    rows = {(name, shard): Checkpoint(reader=name, shard=shard) for name in READERS for shard in shards}
    rows |= {(row.reader, row.shard): row for row in Checkpoint.objects.all()}
    return [row for _, row in sorted(rows.items(), key=lambda entry: entry[0])]


def _measure_reader(row: Checkpoint, state: stream.StreamState, *, now: float) -> ReaderLag:
    """Compute one reader's lag. The backlog is exact as long as only trims delete entries."""
    entries_read = row.entries_read if state.stream_id == row.stream_id else 0
    oldest_id = state.oldest_unread_id
    oldest_at = parse_entry_id(oldest_id)[0] / 1_000 if oldest_id else now
    return ReaderLag(
        reader=row.reader,
        shard=row.shard,
        backlog=max(state.entries_added - entries_read, 0) if oldest_id else 0,
        lag_seconds=max(now - oldest_at, 0.0),
        rate=row.rate if row.advanced_at and now - row.advanced_at.timestamp() < RATE_TTL else 0.0,
        events=row.events,
        duplicates=row.duplicates,
        dead_letters_lost=row.dead_letters_lost,
        stream_resets=row.stream_resets,
        advanced_at=row.advanced_at,
    )
