"""How far readers are behind, for metrics, admin and readiness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from analytics import marks, stream
from analytics.models import Checkpoint, DeadLetter
from analytics.types import READERS

LATE_AFTER: Final = 60.0  # seconds; an event that waits longer than this deserves a look


@dataclass(frozen=True, slots=True)
class Shard:
    """One reader of one shard. `waiting` events, the oldest of them for `seconds`; `rate` events per second in its
    newest batch. The sums are since the shard is there."""

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
        return max((shard.seconds for shard in self.shards), default=0.0)

    @property
    def late(self) -> bool:
        return self.seconds > LATE_AFTER


def measure(*, now: float) -> Lag:
    """The lag as it is. Cost: 2 SQL, 1 wait. Raises finishd.lib.redis.UNAVAILABLE."""
    checkpoints = {(row.shard, row.reader): row for row in Checkpoint.objects.order_by("reader", "shard")}
    states = stream.states({key: row.position for key, row in checkpoints.items()})
    letters = {
        reason: DeadLetter.objects.filter(reason=reason).count() for reason in DeadLetter.Reason.values
    }
    return Lag([_shard(row, states[key], now=now) for key, row in checkpoints.items()], letters)


def mark_health() -> marks.Health:
    """Marks kept, and how many had to go early. Cost: 1 wait."""
    return marks.health()


def _shard(row: Checkpoint, state: stream.State, *, now: float) -> Shard:
    """What waits is what was added less what was read: exact while nothing but a trim deletes entries."""
    read = row.read if state.born == row.born else 0
    oldest = stream.place(state.first)[0] / 1_000 if state.first else now
    return Shard(
        reader=row.reader,
        shard=row.shard,
        waiting=max(state.added - read, 0) if state.first else 0,
        seconds=max(now - oldest, 0.0),
        rate=row.rate,
        events=row.events,
        duplicates=row.duplicates,
        letters_lost=row.letters_lost,
        resets=row.resets,
        moved_at=row.moved_at,
    )
