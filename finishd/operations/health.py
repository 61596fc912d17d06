"""Liveness and readiness.

`live` makes no calls. `ready` runs a health check for each dependency of a feed, all at the same time, and waits at
most `PROBE_TIMEOUT_SECONDS`.
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
from core.redis.client import GuardedRedis, cache_redis, state_redis
from core.redis.version import is_old
from feed.services import index_status
from finishd.celery import app

PROBE_TIMEOUT_SECONDS = 1.0

Details = dict[str, Any]
logger = logging.getLogger(__name__)


class NotReady(Exception):
    """The part responded but cannot serve. The report contains `details`."""

    def __init__(self, status: str, details: Details) -> None:
        super().__init__(status)
        self.status = status
        self.details = details


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """Return 200 while the process serves requests."""
    return _json({"status": "healthy"}, 200)


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Return 200 if every part is ready, and 503 otherwise. The body has the status of each part, the log the error.

    `{"status": "ready"|"not_ready", "parts": {name: {"status": "ok"|…, "latencyMs", …}}, "breakers": {name:
    "closed"|"open"|"half-open"}}`. `breakers` has the circuit breakers of this process, of the dependencies that it
    has called. `deliveries` and `events` are informational, because feeds work without them: `late` means that a
    delivery or an unread event is older than 60 s.
    """
    started = time.monotonic()
    futures = {name: check.ensure_started() for name, check in HEALTH_CHECKS.items()}
    parts = {name: _report(name, future, started) for name, future in futures.items()}
    breakers = {name: breaker.state for name, breaker in get_circuit_breakers().items()}
    is_ready = all(part["status"] == "ok" for name, part in parts.items() if name not in INFORMATIONAL_PARTS)
    body = {"status": "ready" if is_ready else "not_ready", "parts": parts, "breakers": breakers}
    return _json(body, 200 if is_ready else 503)


class HealthCheck:
    """A check of one part. It runs in a thread of its own, so a part that does not respond delays no other check.

    One run at a time: requests that arrive during a run wait for its result.
    """

    def __init__(self, check: Callable[[], Details]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._pending: Future[Details] | None = None

    def ensure_started(self) -> Future[Details]:
        """Return the future of the current run. Start a run if there is none."""
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                threading.Thread(target=self._run, args=(self._pending,), name="ready", daemon=True).start()
            return self._pending

    def _run(self, future: Future[Details]) -> None:
        started = time.monotonic()
        try:
            with deadlines.request_deadline(PROBE_TIMEOUT_SECONDS):
                details = self._check()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result({**details, "latencyMs": round((time.monotonic() - started) * 1000)})


def _report(name: str, future: Future[Details], started: float) -> Details:
    try:
        details = future.result(timeout=max(started + PROBE_TIMEOUT_SECONDS - time.monotonic(), 0))
    except NotReady as reason:
        return {"status": reason.status, **reason.details}
    except TimeoutError:
        logger.warning("not ready: %s timeout after %s s", name, PROBE_TIMEOUT_SECONDS)
        return {"status": "timeout"}
    except Exception as error:
        logger.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
        return {"status": "unreachable"}
    return {"status": "ok", **details}


def _check_sql() -> Details:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return {}


def _check_redis(client: GuardedRedis) -> Details:
    """Require a reply and a supported version. Cost: 1 round trip."""
    pipe = client.pipeline()
    pipe.ping()  # INFO also works while the server loads its data
    pipe.info("server")
    _, info = pipe.execute()
    if is_old(info):
        raise NotReady("too_old", {"version": info["redis_version"]})
    return {}


def _check_broker() -> Details:
    timeouts = {"socket_timeout": PROBE_TIMEOUT_SECONDS, "socket_connect_timeout": PROBE_TIMEOUT_SECONDS}
    with app.connection_for_write(
        connect_timeout=PROBE_TIMEOUT_SECONDS, transport_options=timeouts
    ) as broker:
        broker.ensure_connection(max_retries=0)
    return {}


def _check_indexes() -> Details:
    status = index_status.get_status(now=time.time())
    details = {"generation": status.generation, "ageSeconds": status.age_seconds}
    if status.generation is None:
        raise NotReady("missing", details)
    if status.age_seconds is None or status.age_seconds > settings.INDEX_STALE_SECONDS:
        raise NotReady("stale", details)
    return details


def _check_deliveries() -> Details:
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


def _check_events() -> Details:
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


HEALTH_CHECKS = {
    "sql": HealthCheck(_check_sql),
    "redis": HealthCheck(lambda: _check_redis(state_redis())),
    "cache": HealthCheck(lambda: _check_redis(cache_redis())),
    "broker": HealthCheck(_check_broker),
    "indexes": HealthCheck(_check_indexes),
    "deliveries": HealthCheck(_check_deliveries),
    "events": HealthCheck(_check_events),
}
INFORMATIONAL_PARTS = frozenset({"deliveries", "events"})


def _json(document: Details, status: int) -> HttpResponse:
    return HttpResponse(api_json.dumps(document), status=status, content_type=api_json.MEDIA_TYPE)
