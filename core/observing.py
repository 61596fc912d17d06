"""Where requests and tasks are watched: an id for each, a line in the log, counters and times."""

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import Token
from typing import Any, Final

from billiard.exceptions import SoftTimeLimitExceeded, WorkerLostError
from celery import Task
from celery.signals import (
    before_task_publish,
    task_postrun,
    task_prerun,
    task_revoked,
    worker_ready,
)
from celery.worker.request import Request
from django.conf import settings
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, start_http_server

from core import circuit, log_context, telemetry
from core.logs import route_of

access = logging.getLogger("finishd.access")
logger = logging.getLogger(__name__)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID: Final = "request_id"  # of a message's headers
_ATTRIBUTE: Final = "_observing"
_OUTCOMES: Final = {"SUCCESS": "succeeded", "RETRY": "retried", "FAILURE": "failed"}


class Observed:
    """Middleware around all others: each answer carries its request's id, is counted, timed and told of once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        request_id = log_context.request_id(request.META.get("HTTP_X_REQUEST_ID"))
        log_context.forget()
        log_context.bind(request_id=request_id)
        response = self._get_response(request)
        response.headers[log_context.HEADER] = request_id
        seconds = time.perf_counter() - began
        route, status = route_of(request), response.status_code
        method = request.method if request.method and request.method in METHODS else "other"
        telemetry.labelled(telemetry.REQUESTS, route, method, str(status)).inc()
        telemetry.labelled(telemetry.REQUEST_TIME, route, method).observe(seconds)
        if access.isEnabledFor(logging.INFO):
            took = round(seconds * 1000, 1)
            # All of them ours: they are logged as they are.
            fields = {"method": method, "route": route, "status": status, "duration_ms": took}
            access.info("%s %s %d %s ms", method, route, status, took, extra={"fields": fields})
        return response


class ObservedRequest(Request):
    """A task as the worker's parent sees it, who alone knows of a child that is gone."""

    def on_timeout(self, soft: bool, timeout: float) -> None:
        super().on_timeout(soft, timeout)
        if not soft:
            telemetry.labelled(telemetry.TASKS, self.name, "killed").inc()

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = exc_info.exception
        if isinstance(getattr(error, "exc", error), WorkerLostError):  # billiard wraps it
            telemetry.labelled(telemetry.TASKS, self.name, "lost").inc()
        return super().on_failure(exc_info, send_failed_event, return_ok)


class ObservedTask(Task):  # type: ignore[type-arg]
    Request = "core.observing:ObservedRequest"


def connect() -> None:
    """Listen to Django, Celery and breakers; and have Python's warnings in the log, in its form."""
    logging.captureWarnings(True)
    request_finished.connect(_over, dispatch_uid="observing")
    before_task_publish.connect(_send, dispatch_uid="observing", weak=False)
    task_prerun.connect(_begin, dispatch_uid="observing", weak=False)
    task_postrun.connect(_end, dispatch_uid="observing", weak=False)
    task_revoked.connect(_revoked, dispatch_uid="observing", weak=False)
    worker_ready.connect(_expose, dispatch_uid="observing", weak=False)
    circuit.on_state_change(_changed)
    for name in circuit.PARTS:  # Prometheus sees a first change only of what was there before, at 0
        telemetry.labelled(telemetry.BREAKERS, name, "open")


def _changed(changed: circuit.CircuitBreaker, state: circuit.State) -> None:
    telemetry.labelled(telemetry.BREAKERS, changed.name, state).inc()


def _over(**_: Any) -> None:
    """Only now: what runs after an answer is out belongs to its request."""
    log_context.forget()


def _send(headers: dict[str, Any], **_: Any) -> None:
    """A message carries the id of the request or task that sends it."""
    if request_id := log_context.current():
        headers[_ID] = request_id


def _begin(task: "Task[Any, Any]", task_id: str, **_: Any) -> None:
    given = (task.request.headers or {}).get(_ID) or log_context.current()
    bound = log_context.bind(request_id=log_context.request_id(given), task=task.name, task_id=task_id)
    setattr(task.request, _ATTRIBUTE, (time.perf_counter(), bound))


def _end(task: "Task[Any, Any]", state: str | None = None, retval: Any = None, **_: Any) -> None:
    found: tuple[float, Mapping[str, Token[Any]]] | None = getattr(task.request, _ATTRIBUTE, None)
    if found is None:
        return
    began, bound = found
    outcome = _OUTCOMES.get(str(state), "other")
    if isinstance(retval, SoftTimeLimitExceeded):
        outcome = "timed_out"
    telemetry.labelled(telemetry.TASKS, task.name, outcome).inc()
    telemetry.labelled(telemetry.TASK_TIME, task.name).observe(time.perf_counter() - began)
    log_context.unbind(bound)


def _revoked(sender: "Task[Any, Any]", expired: bool = False, **_: Any) -> None:
    telemetry.labelled(telemetry.TASKS, sender.name, "expired" if expired else "revoked").inc()


def _expose(**_: Any) -> None:
    """A worker's parent shows what its processes count, if METRICS_PORT says where. In a thread of its own."""
    if not settings.METRICS_PORT:
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(telemetry.Counted())
    try:
        start_http_server(settings.METRICS_PORT, addr=settings.METRICS_HOST, registry=registry)
    except OSError as error:  # work goes on unseen, and Prometheus says so: nothing answers there
        logger.error("no metrics on %s:%s: %s", settings.METRICS_HOST, settings.METRICS_PORT, error)
