"""A check of one part: how it runs, and what it reports."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from core import circuit, deadlines

TIMEOUT_SECONDS: Final = 1.0

Details = Mapping[str, Any]  # "status", what was measured, and "reason" unless the status is "ok"
logger = logging.getLogger(__name__)


class NotReady(Exception):
    """The part responded but cannot serve. `reason` is a sentence for operators, without addresses."""

    def __init__(self, status: str, reason: str, **measured: Any) -> None:
        super().__init__(f"{status}: {reason}")
        self.details: Details = {"status": status, "reason": reason, **measured}


class Check:
    """A check of one part. It runs in a thread of its own, so a part that does not respond delays no other check.

    One run at a time: `ensure_started` returns a run that has not ended instead of starting another. A run makes its
    calls also while a circuit breaker is open: it reports what works now.
    """

    def __init__(self, name: str, check: Callable[[], Details], *, is_informational: bool = False) -> None:
        self._check = check
        self._log_prefix = f"not measured, but ready: {name}" if is_informational else f"not ready: {name}"
        self._lock = threading.Lock()
        self._pending: Future[Details] | None = None

    def ensure_started(self) -> Future[Details]:
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = Future()
                threading.Thread(target=self._run, args=(self._pending,), name="ready", daemon=True).start()
            return self._pending

    def get_details(self, run: Future[Details], *, timeout: float) -> Details:
        """Wait for a run and return its details. Log why the part is not ready, or not measured."""
        try:
            return {"status": "ok", **run.result(timeout=timeout)}
        except NotReady as error:
            logger.warning("%s: %s", self._log_prefix, error)
            return error.details
        except TimeoutError:
            logger.warning("%s: timeout after %s s", self._log_prefix, TIMEOUT_SECONDS)
            return {"status": "timeout", "reason": f"There was no answer within {TIMEOUT_SECONDS:g} s."}
        except Exception as error:
            logger.warning("%s: %s: %s", self._log_prefix, type(error).__name__, error)
            return {"status": "unreachable", "reason": f"A call failed: {type(error).__name__}, see the log."}

    def _run(self, future: Future[Details]) -> None:
        started = time.monotonic()
        try:
            with circuit.checking(), deadlines.request_deadline(TIMEOUT_SECONDS):
                details = self._check()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result({**details, "latencyMs": round((time.monotonic() - started) * 1000)})
