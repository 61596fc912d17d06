"""Is the process alive, and can it serve?

`live` touches nothing. `ready` asks each part that a feed needs, all at once, and
waits for each no longer than `DEADLINE`.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from activity.services import lag
from analytics.services import lag as event_lag
from core import api_json, deadlines
from core.circuit import get_circuit_breakers
from core.redis.client import cache_redis, state_redis
from feed.services import index_status
from finishd.celery import app

PROBE_TIMEOUT_SECONDS = 1.0  # seconds

Details = dict[str, Any]
logger = logging.getLogger(__name__)


class NotReady(Exception):
    """The part answered, and is not good. `details` go into the report."""

    def __init__(self, status: str, details: Details) -> None:
        super().__init__(status)
        self.status = status
        self.details = details


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 while the process serves requests."""
    return _json({"status": "healthy"}, 200)


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 when every part is good, else 503; which part is what stands in the body, why in the log.

    `{"status": "ready"|"not_ready", "parts": {name: {"status": "ok"|…, "latencyMs", …}}, "breakers": {name:
    "closed"|"open"|"half-open"}}`. The breakers are this process's, of the parts that it has called. `deliveries`
    and `events` are there for people to look at (`late`: a delivery took, or an event waits, longer than `LATE_AFTER`
    of their `lag`, 60 s each): feeds are served however late they are.
    """
    started = time.monotonic()
    pending = {name: probe.ensure_started() for name, probe in HEALTH_CHECKS.items()}
    parts = {name: _report(name, future, started) for name, future in pending.items()}
    breakers = {name: breaker.state for name, breaker in get_circuit_breakers().items()}
    good = all(part["status"] == "ok" for name, part in parts.items() if name not in INFORMATIONAL_PARTS)
    body = {"status": "ready" if good else "not_ready", "parts": parts, "breakers": breakers}
    return _json(body, 200 if good else 503)


class HealthCheck:
    """A question to one part, asked in a thread of its own so that a silent part delays nobody.

    One at a time: while a question hangs, others wait for the same answer.
    """

    def __init__(self, ask: Callable[[], Details]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._pending: Future[Details] | None = None

    def ensure_started(self) -> Future[Details]:
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                threading.Thread(target=self._run, args=(self._pending,), name="ready", daemon=True).start()
            return self._pending

    def _run(self, future: Future[Details]) -> None:
        started = time.monotonic()
        try:
            with deadlines.request_deadline(PROBE_TIMEOUT_SECONDS):
                facts = self._ask()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result({**facts, "latencyMs": round((time.monotonic() - started) * 1000)})


def _report(name: str, future: Future[Details], started: float) -> Details:
    try:
        facts = future.result(timeout=max(started + PROBE_TIMEOUT_SECONDS - time.monotonic(), 0))
    except NotReady as verdict:
        return {"status": verdict.status, **verdict.details}
    except TimeoutError:
        logger.warning("not ready: %s did not answer within %s s", name, PROBE_TIMEOUT_SECONDS)
        return {"status": "timeout"}
    except Exception as error:
        logger.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
        return {"status": "unreachable"}
    return {"status": "ok", **facts}


def _check_sql() -> Details:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return {}


def _check_state_redis() -> Details:
    state_redis().ping()
    return {}


def _check_cache_redis() -> Details:
    cache_redis().ping()
    return {}


def _check_broker() -> Details:
    brief = {"socket_timeout": PROBE_TIMEOUT_SECONDS, "socket_connect_timeout": PROBE_TIMEOUT_SECONDS}
    with app.connection_for_write(connect_timeout=PROBE_TIMEOUT_SECONDS, transport_options=brief) as broker:
        broker.ensure_connection(max_retries=0)
    return {}


def _check_indexes() -> Details:
    status = index_status.get_status(now=time.time())
    facts = {"generation": status.generation, "ageSeconds": status.age_seconds}
    if status.generation is None:
        raise NotReady("missing", facts)
    if status.age_seconds is None or status.age_seconds > settings.INDEX_STALE_SECONDS:
        raise NotReady("stale", facts)
    return facts


def _check_deliveries() -> Details:
    try:
        now = lag.measure(now=time.time())
    finally:
        connection.close()
    return {
        "lagP50Seconds": now.p50,
        "lagP99Seconds": now.p99,
        "oldestSeconds": round(now.oldest_seconds, 3),
        "waiting": sum(now.backlog.values()),
        "late": now.late,
    }


def _check_events() -> Details:
    try:
        now = event_lag.measure(now=time.time())
    finally:
        connection.close()
    return {
        "waiting": now.backlog,
        "oldestSeconds": round(now.lag_seconds, 3),
        "late": now.late,
        "deadLetters": now.dead_letters,
    }


HEALTH_CHECKS = {
    "sql": HealthCheck(_check_sql),
    "redis": HealthCheck(_check_state_redis),
    "cache": HealthCheck(_check_cache_redis),
    "broker": HealthCheck(_check_broker),
    "indexes": HealthCheck(_check_indexes),
    "deliveries": HealthCheck(_check_deliveries),
    "events": HealthCheck(_check_events),
}
INFORMATIONAL_PARTS = frozenset({"deliveries", "events"})


def _json(document: Details, status: int) -> HttpResponse:
    return HttpResponse(api_json.dumps(document), status=status, content_type=api_json.MEDIA_TYPE)
