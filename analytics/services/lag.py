"""How far readers are behind, for metrics, admin and readiness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Count as Number

from analytics import marks, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.types import READERS

LATE_AFTER: Final = 60.0  # seconds; an event that waits longer than this deserves a look
RATE_FOR: Final = 60.0  # seconds after a batch for which its rate says something


@dataclass(frozen=True, slots=True)
class Shard:
    """One reader of one shard. `waiting` events, the oldest of them for `seconds`; `rate` events per second in its
    newest batch, 0 when that is a minute ago. The sums are since the shard is there."""

    reader: str
    shard: int
    waiting: int
    seconds: float
    rate: float
    events: int
    duplicates: int
    letters_lost: int
    resets: int
    moved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lag:
    """All of them. `letters`: dead letters there are, by reason."""

    shards: Sequence[Shard]
    letters: Mapping[str, int]

    @property
    def waiting(self) -> int:
        """Of the reader that is furthest behind."""
        return max((sum(s.waiting for s in self.shards if s.reader == name) for name in READERS), default=0)

    @property
    def seconds(self) -> float:
        """How long the event that waits longest does."""
        return max((shard.seconds for shard in self.shards), default=0.0)

    @property
    def dead_letters(self) -> int:
        return sum(self.letters.values())

    @property
    def resets(self) -> int:
        """How often a stream was another one; all its readers note that."""
        return sum(
            max((s.resets for s in self.shards if s.shard == shard), default=0)
            for shard in {s.shard for s in self.shards}
        )

    @property
    def late(self) -> bool:
        return self.seconds > LATE_AFTER


def measure(*, now: float) -> Lag:
    """The lag as it is. Cost: 2 SQL, 1 wait. Raises core.redis.client.UNAVAILABLE."""
    checkpoints = _checkpoints()
    states = stream.states({(row.shard, row.reader): row.position for row in checkpoints})
    found = dict(DeadLetter.objects.values_list("reason").annotate(Number("pk")).order_by())
    letters = {reason: found.get(reason, 0) for reason in DeadLetter.Reason.values}
    return Lag([_shard(row, states[row.shard, row.reader], now=now) for row in checkpoints], letters)


def mark_health() -> marks.Health:
    """Marks kept, and how many had to go early. Cost: 1 wait."""
    return marks.health()


def _checkpoints() -> list[Checkpoint]:
    """Those there are, and what they will be where a reader has not begun: events may wait for it all the same."""
    shards = range(settings.ANALYTICS_SHARDS)
    rows = {(name, shard): Checkpoint(reader=name, shard=shard) for name in READERS for shard in shards}
    rows |= {(row.reader, row.shard): row for row in Checkpoint.objects.all()}
    return [row for _, row in sorted(rows.items(), key=lambda entry: entry[0])]


def _shard(row: Checkpoint, state: stream.State, *, now: float) -> Shard:
    """What waits is what was added less what was read: exact while nothing but a trim deletes entries."""
    read = row.read if state.born == row.born else 0
    oldest = stream.place(state.first)[0] / 1_000 if state.first else now
    return Shard(
        reader=row.reader,
        shard=row.shard,
        waiting=max(state.added - read, 0) if state.first else 0,
        seconds=max(now - oldest, 0.0),
        rate=row.rate if row.moved_at and now - row.moved_at.timestamp() < RATE_FOR else 0.0,
        events=row.events,
        duplicates=row.duplicates,
        letters_lost=row.letters_lost,
        resets=row.resets,
        moved_at=row.moved_at,
    )
