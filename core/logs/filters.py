"""Filters that keep noise out of the log."""

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from celery import current_app

from core.routes import get_route


class NoisyTaskFilter(logging.Filter):
    """Drop Celery's "received" and "succeeded" lines of tasks declared with `QUIET`, and "revoked" of their
    expired messages.

    These tasks run every few seconds. Their failures are logged above INFO and pass.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or not is_quiet(_get_task_name(record))


def is_quiet(task_name: object) -> bool:
    """Return whether the task was declared with `QUIET` (see `core.observability.tasks`)."""
    return bool(getattr(current_app.tasks.get(str(task_name)), "quiet", False))


def _get_task_name(record: logging.LogRecord) -> object:
    """Return the task's name: the argument `name`, or the first argument of the line."""
    if isinstance(record.args, tuple):
        return record.args[0] if record.args else None
    return record.args.get("name") if record.args else None


class HandledResponseFilter(logging.Filter):
    """Drop Django's lines about 4xx responses and about a failed readiness check; the access log has them.

    In lines about other 5xx responses, replace the path by the route. The readiness view logs what is not ready.
    """

    def __init__(self, readiness_path: str) -> None:
        super().__init__()
        self._readiness_path = readiness_path

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 400)
        if status < 500 or (status == 503 and self._readiness_path in record.getMessage()):
            return False
        request = getattr(record, "request", None)
        if isinstance(record.args, tuple) and request is not None:
            path, route = request.path, get_route(request)
            record.args = tuple(route if value == path else value for value in record.args)
        return True


class MessageBodyFilter(logging.Filter):
    """Drop the message body from Celery's error about a message it cannot process. The body contains arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        first_line, rest, _ = str(record.msg).strip().partition("\n")
        if rest and isinstance(record.args, tuple):
            first_line = first_line.partition(" [")[0]
            record.msg, record.args = first_line, record.args[: first_line.count("%")]
        return True


class UnsentMessageFilter(logging.Filter):
    """Drop the stack and the traceback from beat's error about a message that it cannot send. It names the reason."""

    def filter(self, record: logging.LogRecord) -> bool:
        first_line, _, rest = str(record.msg).partition("\n")
        if rest and isinstance(record.args, tuple):
            record.msg, record.args, record.exc_info = first_line, record.args[: first_line.count("%")], None
        return True


class RepeatFilter(logging.Filter):
    """Pass a warning or error, then drop similar ones for `seconds`. The next one that passes has their number.

    Lines that differ only in numbers are similar. The filter remembers the `max_kinds` latest kinds. Thread-safe.
    """

    def __init__(
        self, seconds: float = 10.0, max_kinds: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._max_kinds = max_kinds
        self._clock = clock
        self._lock = threading.Lock()
        # By kind: when a line was last logged, and how many were dropped since then.
        self._last_logged: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key, now = _repeat_key(record), self._clock()
        with self._lock:
            since, dropped = self._last_logged.get(key, (-self._seconds, 0))
            if now - since < self._seconds:
                self._last_logged[key] = (since, dropped + 1)
                return False
            self._last_logged[key] = (now, 0)
            self._last_logged.move_to_end(key)
            while len(self._last_logged) > self._max_kinds:
                self._last_logged.popitem(last=False)
        if dropped:
            record.msg, record.args = f"{record.getMessage()} ({dropped} similar messages suppressed)", ()
        return True


def _repeat_key(record: logging.LogRecord) -> tuple[str, int, str]:
    error = record.exc_info[0] if record.exc_info else None
    text = f"{record.getMessage()[:300]} {error.__name__ if error else ''}"
    return record.name, record.levelno, re.sub(r"\d+(\.\d+)?", "0", text)
