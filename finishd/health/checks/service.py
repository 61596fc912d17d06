"""Checks of indexes, deliveries and event streams."""

import time

from django.conf import settings
from django.db import connection

from activity.services import lag
from analytics.services import lag as event_lag
from feed.services import index_status
from finishd.health.check import Details, NotReady


def check_indexes() -> Details:
    status = index_status.get_status(now=time.time())
    details = {"generation": status.generation, "ageSeconds": status.age_seconds}
    if status.generation is None:
        raise NotReady("missing", "There are no indexes. Feeds use the catalogue in SQL.", **details)
    if status.age_seconds is None or status.age_seconds > settings.INDEX_STALE_SECONDS:
        reason = f"The last rebuild of the indexes is older than {settings.INDEX_STALE_SECONDS} s."
        raise NotReady("stale", reason, **details)
    return details


def check_deliveries() -> Details:
    """Measure the lag of deliveries. `late`: one is older than 60 s."""
    try:
        current = lag.measure(now=time.time())
    finally:
        connection.close()
    return {
        "lagP50Seconds": current.p50,
        "lagP99Seconds": current.p99,
        "oldestSeconds": round(current.oldest_seconds, 3),
        "waiting": sum(current.backlog.values()),
        "late": current.late,
    }


def check_events() -> Details:
    """Require readable streams and checkpoints, and measure the lag. `late`: an unread event is older than 60 s."""
    try:
        current = event_lag.measure(now=time.time())
    finally:
        connection.close()
    return {
        "waiting": current.backlog,
        "oldestSeconds": round(current.lag_seconds, 3),
        "late": current.late,
        "deadLetters": current.dead_letters,
    }
