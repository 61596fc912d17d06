"""How far deliveries are behind: what finished lately, and what still waits."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from activity import keys
from activity.services.relations import JOB_DUE_SECONDS
from activity.store import get_store
from activity.types import Activity
from core.redis.client import state_redis
from core.units import HOUR

MAX_RECORDED: Final = 2_000  # finished deliveries that are remembered
MAX_JOBS_READ: Final = 100
LATE_AFTER_SECONDS: Final = 60.0  # seconds; a delivery that takes longer than this deserves a look


@dataclass(frozen=True, slots=True)
class Lag:
    """Of the last hour's finished deliveries (the newest 2,000 of them) how many seconds half of them and 99 in a
    hundred took at most, from the deed to the last chunk of followers; None when there were none. `oldest` is the
    age in seconds of the oldest delivery still under way; `waiting` counts unfinished jobs by kind, the oldest
    100 of all.
    """

    finished: int
    p50: float | None
    p99: float | None
    oldest: float
    waiting: Mapping[str, int]

    @property
    def late(self) -> bool:
        return max(self.oldest, self.p99 or 0.0) > LATE_AFTER_SECONDS


def record_delivery(activity: Activity, *, now: float) -> None:
    """Remember that a delivery is over. Cost: 1 wait."""
    pipe = state_redis().pipeline()
    pipe.lpush(keys.DELIVERY_LAGS.name(), f"{now:.3f} {max(now - activity.recorded_at, 0):.3f}")
    pipe.ltrim(keys.DELIVERY_LAGS.name(), 0, MAX_RECORDED - 1)
    pipe.execute()


def measure(*, now: float) -> Lag:
    """The lag as it is. Cost: 1 wait, 1 store call (100 documents at most). Raises StoreUnavailable."""
    raw = cast("list[bytes]", state_redis().lrange(keys.DELIVERY_LAGS.name(), 0, -1))
    entries = [tuple(map(float, entry.split())) for entry in raw]
    took = sorted(seconds for at, seconds in entries if at > now - HOUR)
    jobs = get_store().jobs_waiting(limit=MAX_JOBS_READ)
    begun = [job.first_due - JOB_DUE_SECONDS for job in jobs if job.kind == "deliver"]
    return Lag(
        finished=len(took),
        p50=_percentile(took, 50),
        p99=_percentile(took, 99),
        oldest=max(now - min(begun, default=now), 0.0),
        waiting=dict(sorted(Counter(job.kind for job in jobs).items())),
    )


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest rank."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None
