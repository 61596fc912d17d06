"""Delivery lag: the durations of recent deliveries, and the backlog of jobs."""

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

MAX_RECORDED: Final = 2_000  # finished deliveries
MAX_JOBS_READ: Final = 100
LATE_AFTER_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Lag:
    """Delivery lag and backlog.

    `finished` is the number of deliveries that finished in the last hour, of the newest 2,000. `p50` and `p99` are
    percentiles of their durations in seconds, from the recorded activity to the last follower batch; None without
    deliveries. `oldest_seconds` is the age of the oldest unfinished delivery. `backlog` counts unfinished jobs by
    kind, of the oldest 100.
    """

    finished: int
    p50: float | None
    p99: float | None
    oldest_seconds: float
    backlog: Mapping[str, int]

    @property
    def late(self) -> bool:
        return max(self.oldest_seconds, self.p99 or 0.0) > LATE_AFTER_SECONDS


def record_delivery(activity: Activity, *, now: float) -> None:
    """Record the duration of a finished delivery. Cost: 1 round trip."""
    pipe = state_redis().pipeline()
    pipe.lpush(keys.DELIVERY_LAGS.name(), f"{now:.3f} {max(now - activity.recorded_at, 0):.3f}")
    pipe.ltrim(keys.DELIVERY_LAGS.name(), 0, MAX_RECORDED - 1)
    pipe.execute()


def measure(*, now: float) -> Lag:
    """Return the current lag. Cost: 1 round trip, 1 store call (100 documents at most). Raises StoreUnavailable."""
    raw = cast("list[bytes]", state_redis().lrange(keys.DELIVERY_LAGS.name(), 0, -1))
    entries = [entry for entry in map(parse_duration, raw) if entry is not None]
    durations = sorted(seconds for at, seconds in entries if at > now - HOUR)
    jobs = get_store().get_oldest_jobs(limit=MAX_JOBS_READ)
    started = [job.first_due - JOB_DUE_SECONDS for job in jobs if job.kind == "deliver"]
    return Lag(
        finished=len(durations),
        p50=_percentile(durations, 50),
        p99=_percentile(durations, 99),
        oldest_seconds=max(now - min(started, default=now), 0.0),
        backlog=dict(sorted(Counter(job.kind for job in jobs).items())),
    )


def parse_duration(raw: bytes) -> tuple[float, float] | None:
    """Return when a delivery finished and how many seconds it took, None if the entry is unreadable."""
    try:
        at, seconds = map(float, raw.split()[:2])
    except ValueError:
        return None
    return (at, seconds) if math.isfinite(at) and math.isfinite(seconds) else None


def _percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None
