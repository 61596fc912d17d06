"""What processes count and time, declared once: names, labels, buckets.

With `PROMETHEUS_MULTIPROC_DIR` in the environment all processes that name the same folder add up, and any of them can
show the sum; without it (tests, commands) each counts for itself. Names end in their unit, times are seconds. A label
has values from a short list only: routes, feeds, sources, tasks; never a path, a uid, a title.

An increment is about a microsecond, and waits for nothing.
"""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, values
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")

_place: tuple[int, int, IO[str] | None] = (0, 0, None)  # process id, number, the file that it holds


def _number() -> int:
    """This process's number in the folder: the lowest that no living process has.

    Not the process id: a dead process's number, and its sums, go to the next one, so that files do not gather, and
    two containers that share a volume do not meet.
    """
    global _place  # noqa: PLW0603  (one place per process)
    if _place[0] != os.getpid():
        number, file = _taken(Path(FOLDER))
        _place = (os.getpid(), number, file)
    return _place[1]


def _taken(folder: Path) -> tuple[int, IO[str]]:
    """Take a number: a lock on its file, which ends with the process. Who comes into an empty house sweeps it."""
    with (folder / "door").open("a") as door:
        fcntl.lockf(door, fcntl.LOCK_EX)
        if all(_free(path) for path in folder.glob("*.place")):
            for path in folder.glob("*.db"):
                path.unlink()
        for number in count():
            file = (folder / f"{number}.place").open("a")
            if _locked(file):
                return number, file
            file.close()
    raise AssertionError  # counting does not end


def _free(path: Path) -> bool:
    with path.open("a") as file:
        return _locked(file)


def _locked(file: IO[str]) -> bool:
    # lockf, not flock: a fork would inherit the latter, and keep its dead parent's number.
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


if FOLDER:
    Path(FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    values.ValueClass = values.MultiProcessValue(_number)  # type: ignore[no-untyped-call]
else:
    values.ValueClass = values.MutexValue  # the client takes a name that is empty for the current folder
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY: Final = CollectorRegistry()

# A next page takes 2 ms, a first page 20; a page has 300 ms, a write to Firestore up to 4 s.
_REQUEST = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)
_STEP = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
_TASK = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"finishd_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, *labels: str, buckets: Iterable[float]) -> Histogram:
    return Histogram(f"finishd_{name}_seconds", text, labels, registry=REGISTRY, buckets=tuple(buckets))


REQUESTS: Final = _counter("http_requests_total", "Answers, by route.", "route", "method", "status")
REQUEST_TIME: Final = _histogram(
    "http_request_duration",
    "From a request's arrival in Django to its answer.",
    "route",
    "method",
    buckets=_REQUEST,
)
THROTTLED: Final = _counter("throttled_total", "Requests refused as too many, by class.", "scope")

BREAKERS: Final = _counter(
    "breaker_changes_total", "Changes of breakers, by their new state.", "breaker", "state"
)

PLANS: Final = _counter("plans_total", "What became of a look for a plan.", "feed", "outcome")
BUILD_TIME: Final = _histogram("plan_build_duration", "Making a chunk of a plan.", "feed", buckets=_STEP)
RECALL_TIME: Final = _histogram("recall_duration", "The one wait that all sources share.", buckets=_STEP)
SOURCE_TIME: Final = _histogram(
    "source_duration", "What a source does of its own after recall.", "source", buckets=_STEP
)
SOURCE_FAILURES: Final = _counter("source_failures_total", "Sources that were left out.", "source", "reason")
SERVED: Final = _counter(
    "slots_served_total", "Items on pages, by the source that found them.", "feed", "source"
)

TASKS: Final = _counter("tasks_total", "Tasks that ended, by how.", "task", "outcome")
TASK_TIME: Final = _histogram("task_duration", "A task, from its start to its end.", "task", buckets=_TASK)


@lru_cache(maxsize=8192)
def labelled(metric: Any, *labels: str) -> Any:
    """A metric's child, kept at hand: a tenth of a microsecond instead of one and a half."""
    return metric.labels(*labels)


@contextmanager
def timed(histogram: Any) -> Iterator[None]:
    """Observe how long the block takes, however it ends."""
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)


class Counted:
    """What is in the folder, of all processes; without a folder, this process's. A Collector of prometheus_client."""

    def collect(self) -> Iterable[Metric]:
        """Cost: reads two files a process. Raises OSError, RuntimeError for a file that is broken."""
        if FOLDER:
            return MultiProcessCollector(None, FOLDER).collect()  # type: ignore[no-untyped-call,no-any-return]
        return REGISTRY.collect()
