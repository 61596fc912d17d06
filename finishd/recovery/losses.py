"""The stored restarts and losses of Redis."""

from typing import Final

from django.db.models import Count, Sum

from finishd.recovery.models import RedisLoss

MAX_STORED: Final = 1_000  # the newest


def store(*, stamp: str, number: int, kind: str, survived_at: float, lost_seconds: float, now: float) -> bool:
    """Store a loss, and return False if it is stored already: two processes may detect it. Times are epoch seconds."""
    values = {
        "kind": kind,
        "survived_at": survived_at,
        "lost_seconds": round(lost_seconds, 3),
        "detected_at": now,
    }
    loss, is_new = RedisLoss.objects.get_or_create(stamp=stamp, number=number, defaults=values)
    if is_new:
        RedisLoss.objects.filter(pk__lte=loss.pk - MAX_STORED).delete()
    return is_new


def get_totals() -> dict[str, tuple[int, float]]:
    """Return the number and the lost seconds of each kind. Cost: 1 SQL."""
    rows = RedisLoss.objects.order_by().values_list("kind").annotate(Count("pk"), Sum("lost_seconds"))
    found = {kind: (number, seconds or 0.0) for kind, number, seconds in rows}
    return {kind: found.get(kind, (0, 0.0)) for kind in RedisLoss.Kind.values}
