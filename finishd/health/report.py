"""The report of all checks. A process makes it at most once a second."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from core.circuit import get_circuit_breakers
from finishd.health.check import TIMEOUT_SECONDS, Check, Details
from finishd.health.checks import machine, redis, service, sql

REPORT_SECONDS: Final = 1.0
INFORMATIONAL_PARTS: Final = frozenset({"deliveries"})  # feeds and writes work without them
CHECKS: Final = {
    name: Check(name, check, is_informational=name in INFORMATIONAL_PARTS)
    for name, check in (
        ("sql", sql.check_sql),
        ("redis", redis.check_state),
        ("cache", redis.check_cache),
        ("broker", redis.check_broker),
        ("indexes", service.check_indexes),
        ("deliveries", service.check_deliveries),
        ("events", service.check_events),
        ("clock", machine.check_clock),
        ("disk", machine.check_disk),
    )
}


@dataclass(frozen=True, slots=True)
class Report:
    """The status and details of each part, and the states of this process's circuit breakers."""

    parts: Mapping[str, Details]
    breakers: Mapping[str, str]

    @property
    def is_ready(self) -> bool:
        return not self.problems

    @property
    def problems(self) -> dict[str, str]:
        """The reasons why the service is not ready, by part."""
        return {
            name: details["reason"]
            for name, details in self.parts.items()
            if details["status"] != "ok" and name not in INFORMATIONAL_PARTS
        }


_get_time = time.monotonic


class _Cache:
    """The latest report. Callers that come while one is made wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._report: Report | None = None
        self._made_at = 0.0

    def get(self) -> Report:
        with self._lock:
            if self._report is None or _get_time() - self._made_at >= REPORT_SECONDS:
                self._report = _make_report()
                self._made_at = _get_time()
            return self._report

    def clear(self) -> None:
        with self._lock:
            self._report = None


_cache: Final = _Cache()


def get_report() -> Report:
    """Return a report that is at most a second old. A new one takes TIMEOUT_SECONDS at most."""
    return _cache.get()


def clear() -> None:
    """Forget the report, so that the next one is new. For tests."""
    _cache.clear()


def _make_report() -> Report:
    """Run all checks at the same time."""
    ends = time.monotonic() + TIMEOUT_SECONDS
    runs = {name: check.ensure_started() for name, check in CHECKS.items()}
    parts = {
        name: CHECKS[name].get_details(run, timeout=max(ends - time.monotonic(), 0))
        for name, run in runs.items()
    }
    return Report(parts, {name: breaker.state for name, breaker in get_circuit_breakers().items()})
