"""Detect that Redis was restarted, rolled back or emptied. A thread of beat does it each second.

Copies of people's data need no detection: they carry the stamp of their server (`core.redis.run_ids`). This finds out
how much was lost, records it for metrics, alerts and staff, and starts the repair of what has no stamp.
"""

import logging
import threading
import time
from typing import Final

from celery import current_app
from django.db import close_old_connections
from kombu.exceptions import OperationalError

from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from core.redis import heartbeat
from core.redis.heartbeat import Found, Heartbeat
from finishd.recovery import losses
from finishd.recovery.models import KnownHeartbeat, RedisLoss

INTERVAL_SECONDS: Final = 1.0
SAVE_SECONDS: Final = 5.0  # between two writes of the newest heartbeat to SQL
REPAIR_SECONDS: Final = 10.0  # between two messages of a repair that is not done

logger = logging.getLogger(__name__)


class Detector:
    """Writes heartbeats and compares them with the newest one that Redis acknowledged, in memory and in SQL."""

    def __init__(self) -> None:
        self._newest: Heartbeat | None = None
        self._saved_at = self._sent_at = 0.0

    def step(self, *, now: float) -> None:
        """Write a heartbeat, and record a loss if it does not continue. `now` is epoch seconds.

        Cost: 1 round trip; each SAVE_SECONDS 2 SQL queries. Raises the errors of Redis and SQL.
        """
        if self._newest is None:
            self._newest = _get_known()
        found, is_continued = heartbeat.write(after=self._newest.number if self._newest else 0, now=now)
        if not is_continued:
            self._begin_again(found, now=now)
        else:
            self._newest = found.heartbeat
        if now - self._saved_at >= SAVE_SECONDS or not is_continued:
            self._save(now=now)

    def _begin_again(self, found: Found, *, now: float) -> None:
        """Record what was lost, then let the heartbeat continue on this server."""
        self._newest = max(filter(None, (self._newest, _get_known())), key=_get_number, default=None)
        survived = found.heartbeat
        if self._newest or survived:
            _record(found, self._newest, now=now)
        number = max((each.number for each in (self._newest, survived) if each), default=0) + 1
        new = Heartbeat(found.stamp, number, now)
        if heartbeat.replace(survived, new):
            self._newest = new
            self._sent_at = 0.0

    def _save(self, *, now: float) -> None:
        if self._newest is not None:
            values = {"number": self._newest.number, "at": self._newest.at}
            KnownHeartbeat.objects.update_or_create(pk=1, defaults=values)
            self._saved_at = now
        if now - self._sent_at >= REPAIR_SECONDS:
            self._sent_at = now
            _queue_repairs()


def start_thread() -> None:
    threading.Thread(target=_run, name="redis-heartbeat", daemon=True).start()


def _run() -> None:
    detector = Detector()
    while True:
        started = time.monotonic()
        try:
            close_old_connections()
            detector.step(now=time.time())
        except (SqlUnavailable, *REDIS_UNAVAILABLE) as error:
            logger.debug("no heartbeat: %s", error)  # the outage itself is logged and alerted elsewhere
        except Exception:
            logger.exception("the heartbeat of Redis failed; retry in a second")
        time.sleep(max(started + INTERVAL_SECONDS - time.monotonic(), 0.1))


def _record(found: Found, newest: Heartbeat | None, *, now: float) -> None:
    """Store a loss, unless it is stored already, and log it."""
    survived = found.heartbeat
    lost = max(newest.at - survived.at, 0.0) if newest and survived else 0.0
    kind = RedisLoss.Kind.RESTARTED
    if survived is None:
        kind = RedisLoss.Kind.EMPTIED
    elif newest and survived.number < newest.number:
        kind = RedisLoss.Kind.ROLLED_BACK
    if losses.store(
        stamp=found.stamp,
        number=survived.number if survived else 0,
        kind=kind,
        survived_at=survived.at if survived else now,
        lost_seconds=lost,
        now=now,
    ):
        _log(kind, lost)


def _log(kind: RedisLoss.Kind, lost: float) -> None:
    if kind == RedisLoss.Kind.RESTARTED:
        logger.info("Redis was restarted. No write older than a second was lost.")
    elif kind == RedisLoss.Kind.EMPTIED:
        logger.warning("redis: restart or failover: %s", kind.label)
    else:
        logger.warning("redis: restart or failover: %s; lost about %.0f s of writes", kind.label, lost)


def _queue_repairs() -> None:
    for pk in RedisLoss.objects.filter(repaired_at=None).values_list("pk", flat=True)[:10]:
        try:
            current_app.send_task("finishd.recovery.tasks.repair", args=[pk], expires=60)
        except (OperationalError, *REDIS_UNAVAILABLE) as error:
            logger.warning(
                "broker unavailable: repair %s not queued; retry in %.0f s: %s", pk, REPAIR_SECONDS, error
            )


def _get_known() -> Heartbeat | None:
    row = KnownHeartbeat.objects.filter(pk=1).first()
    return Heartbeat("", row.number, row.at) if row else None


def _get_number(each: Heartbeat) -> int:
    return each.number
