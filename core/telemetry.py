"""Counters and histograms of each process: their registry, and the metrics of the foundation.

An app declares its own in `<app>/metrics.py` with `counter` and `histogram`. With `PROMETHEUS_MULTIPROC_DIR` in the
environment, all processes that name the same directory share it, and any of them can return the sum. Without it
(tests, commands), each process counts for itself.

Names end in their unit, times are seconds. Labels take values from a short list only: routes, tasks, sources; never a
path, a uid or a title. An increment takes about a microsecond and makes no call.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from core.metric_files import MetricFile
from core.process_slots import get_process_slot

METRICS_DIRECTORY: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
NAMESPACE: Final = "finishd"

if METRICS_DIRECTORY:
    values.MmapedDict = MetricFile  # type: ignore[assignment,attr-defined]
    values.ValueClass = values.MultiProcessValue(lambda: get_process_slot(METRICS_DIRECTORY))
else:
    values.ValueClass = values.MutexValue  # the client would take an empty name for the current directory
disable_created_metrics()
REGISTRY: Final = CollectorRegistry()

REQUEST_BUCKETS: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05),
    *(0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0),
)
STEP_BUCKETS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
TASK_BUCKETS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def counter(name: str, text: str, *labels: str) -> Counter:
    """Declare a counter. `name` ends in `_total`; the namespace is added."""
    return Counter(f"{NAMESPACE}_{name}", text, labels, registry=REGISTRY)


def histogram(name: str, text: str, *labels: str, buckets: Iterable[float]) -> Histogram:
    """Declare a histogram of seconds. The namespace and `_seconds` are added to `name`."""
    return Histogram(f"{NAMESPACE}_{name}_seconds", text, labels, registry=REGISTRY, buckets=tuple(buckets))


REQUESTS: Final = counter(
    "http_requests_total", "Responses, by route, method and status.", "route", "method", "status"
)
REQUEST_TIME: Final = histogram(
    "http_request_duration",
    "Time from a request's arrival in Django to its response.",
    "route",
    "method",
    buckets=REQUEST_BUCKETS,
)
THROTTLED: Final = counter("throttled_total", "Requests rejected with 429, by throttle scope.", "scope")
WRITES_SKIPPED: Final = counter(
    "writes_skipped_total", "Writes that Redis rejected and reading requests skipped.", "what"
)
CIRCUIT_CHANGES: Final = counter(
    "circuit_breaker_changes_total", "Circuit breaker state changes, by new state.", "dependency", "state"
)
TASKS_FINISHED: Final = counter("tasks_total", "Finished tasks, by outcome.", "task", "outcome")
TASK_TIME: Final = histogram("task_duration", "Task duration.", "task", buckets=TASK_BUCKETS)


REJECTED: Final = counter(
    "rejected_requests_total",
    "Requests that no thread has taken, by class and reason.",
    "class",
    "reason",
)
QUEUE_TIME: Final = histogram(
    "queue_wait", "Time that a request waited for a thread.", "class", buckets=REQUEST_BUCKETS
)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def get_method_label(method: str | None) -> str:
    """Return the method, or "other" for one that we do not know."""
    return method if method in _METHODS else "other"


@lru_cache(maxsize=8192)
def labelled(metric: Any, *labels: str) -> Any:
    """Return a metric's child for these label values. Cached: 0.1 µs instead of 1.5."""
    return metric.labels(*labels)


@contextmanager
def timed(metric: Any) -> Iterator[None]:
    """Observe how long the block takes, also if it raises."""
    began = time.perf_counter()
    try:
        yield
    finally:
        metric.observe(time.perf_counter() - began)


class ProcessMetricsCollector:
    """A prometheus_client collector for all processes of the directory, or for this process without one."""

    def collect(self) -> Iterable[Metric]:
        """Return the current values. Reads two files per process.

        Raises OSError, ValueError without the directory, and RuntimeError for a broken file.
        """
        if METRICS_DIRECTORY:
            return MultiProcessCollector(None, METRICS_DIRECTORY).collect()  # type: ignore[no-any-return]
        return REGISTRY.collect()
