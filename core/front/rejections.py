"""Requests that no thread takes: their answers, their counters and their log line."""

import logging
import time
from collections import Counter
from typing import Final, Literal

from asgiref.typing import HTTPScope

from core import telemetry
from core.front.answers import ROUTE, Answer, count_response, make_uncounted_error
from core.front.classes import RequestClass

Reason = Literal["full", "late"]  # no room in the queue; no thread was free in time
LOG_SECONDS: Final = 10.0
logger = logging.getLogger(__name__)


class Rejections:
    """Rejects requests. Counts them when `flush` is called, and logs one line in LOG_SECONDS with their number."""

    def __init__(self) -> None:
        self._unflushed: Counter[tuple[str, Reason, str]] = Counter()  # by class, reason and method
        self._unlogged: Counter[str] = Counter()  # by class
        self._next_log = 0.0

    def reject(self, scope: HTTPScope, request_class: RequestClass, reason: Reason) -> Answer:
        """Return a 503. Cost: about 10 µs; an overloaded server does this for most requests."""
        self._unflushed[request_class.name, reason, scope["method"]] += 1
        return make_uncounted_error(
            scope,
            503,
            "overloaded",
            "The service is overloaded. Try again soon.",
            headers=[(b"retry-after", str(request_class.retry_after).encode())],
        )

    def count_gone(self, request_class: RequestClass) -> None:
        """Count a request whose client closed the connection. It gets no response."""
        telemetry.labelled(telemetry.REJECTED, request_class.name, "gone").inc()

    def flush(self) -> None:
        """Count the rejections since the last call, and log them unless there was a line in the last LOG_SECONDS."""
        for (name, reason, method), number in self._unflushed.items():
            telemetry.labelled(telemetry.REJECTED, name, reason).inc(number)
            count_response(method, 503, route=ROUTE, number=number)
            self._unlogged[name] += number
        self._unflushed.clear()
        if self._unlogged and time.monotonic() >= self._next_log:
            counts = ", ".join(f"{name} {count}" for name, count in self._unlogged.most_common())
            logger.warning("overload: requests rejected with 503: %s", counts)
            self._unlogged.clear()
            self._next_log = time.monotonic() + LOG_SECONDS
