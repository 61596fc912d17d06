"""Listeners that give tasks their request id, and count and time them."""

import logging
import time
from collections.abc import Mapping
from contextvars import Token
from typing import Any, Final, get_args

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task
from celery.signals import (
    before_task_publish,
    task_postrun,
    task_prerun,
    task_revoked,
    worker_ready,
)
from django.conf import settings
from django.core.signals import request_finished
from prometheus_client import CollectorRegistry, start_http_server

from core import circuit, log_context, telemetry
from core.broker.queues import SENT_AT
from core.observability.clocks import ClockCollector
from core.redis.rejections import Skippable

logger = logging.getLogger(__name__)

_REQUEST_ID_FIELD: Final = "request_id"  # in a message's headers
_ATTRIBUTE: Final = "_observability"
# Celery's final states. Other outcomes: `timed_out` (soft time limit), `killed` (hard time limit), `lost` (the worker
# process died), `expired` and `revoked` (never started).
_OUTCOMES: Final = {"SUCCESS": "succeeded", "RETRY": "retried", "FAILURE": "failed"}


def connect_signals() -> None:
    """Connect all listeners, and send Python's warnings to the log. Call it once, when all apps are ready."""
    logging.captureWarnings(True)
    request_finished.connect(_clear_log_context, dispatch_uid="observability")
    before_task_publish.connect(_add_headers, dispatch_uid="observability", weak=False)
    task_prerun.connect(_start_task, dispatch_uid="observability", weak=False)
    task_postrun.connect(_finish_task, dispatch_uid="observability", weak=False)
    task_revoked.connect(_count_revoked, dispatch_uid="observability", weak=False)
    worker_ready.connect(_start_metrics_server, dispatch_uid="observability", weak=False)
    circuit.add_state_listener(_count_circuit_change)
    for name in circuit.get_dependencies():
        # Prometheus computes an increase only from an existing value, so these counters start at 0.
        telemetry.labelled(telemetry.CIRCUIT_CHANGES, name, "open")
    for what in get_args(Skippable):
        telemetry.labelled(telemetry.WRITES_SKIPPED, what)


def _count_circuit_change(breaker: circuit.CircuitBreaker, state: circuit.CircuitState) -> None:
    telemetry.labelled(telemetry.CIRCUIT_CHANGES, breaker.name, state).inc()


def _clear_log_context(**_: Any) -> None:
    # Not earlier: code that runs after the response was sent still belongs to its request.
    log_context.clear()


def _add_headers(headers: dict[str, Any], **_: Any) -> None:
    """Give a message its time, and the id of the request or task that sends it."""
    headers[SENT_AT] = time.time()
    if request_id := log_context.get_request_id():
        headers[_REQUEST_ID_FIELD] = request_id


def _start_task(task: "Task[Any, Any]", task_id: str, **_: Any) -> None:
    given = (task.request.headers or {}).get(_REQUEST_ID_FIELD) or log_context.get_request_id()
    request_id = log_context.normalize_request_id(given)
    bound = log_context.bind(request_id=request_id, task=task.name, task_id=task_id)
    setattr(task.request, _ATTRIBUTE, (time.perf_counter(), bound))


def _finish_task(task: "Task[Any, Any]", state: str | None = None, retval: Any = None, **_: Any) -> None:
    started: tuple[float, Mapping[str, Token[Any]]] | None = getattr(task.request, _ATTRIBUTE, None)
    if started is None:
        return
    began, bound = started
    outcome = _OUTCOMES.get(str(state), "other")
    if isinstance(retval, SoftTimeLimitExceeded):
        outcome = "timed_out"
    telemetry.labelled(telemetry.TASKS_FINISHED, task.name, outcome).inc()
    telemetry.labelled(telemetry.TASK_TIME, task.name).observe(time.perf_counter() - began)
    log_context.unbind(bound)


def _count_revoked(sender: "Task[Any, Any]", expired: bool = False, **_: Any) -> None:
    outcome = "expired" if expired else "revoked"
    telemetry.labelled(telemetry.TASKS_FINISHED, sender.name, outcome).inc()


def _start_metrics_server(**_: Any) -> None:
    """Serve the metrics of a worker's processes on METRICS_PORT, in a thread of the parent process."""
    if not settings.METRICS_PORT:
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(telemetry.ProcessMetricsCollector())
    registry.register(ClockCollector())
    try:
        start_http_server(settings.METRICS_PORT, addr=settings.METRICS_HOST, registry=registry)
    except OSError as error:  # the worker goes on without; Prometheus reports that the target is down
        logger.error("no metrics on %s:%s: %s", settings.METRICS_HOST, settings.METRICS_PORT, error)
