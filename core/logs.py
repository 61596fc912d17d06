"""The log: its form, and what is left out of it.

One line a record, JSON in production, each with the request that it is about (`core.log_context`). Only the message
and what is named here get in: not a record's other attributes, in which Django and Celery carry requests and arguments.
Knows no Django, since the web server's parent logs without it.
"""

import logging
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter

# They run every few seconds, all day; what goes wrong in them is logged above INFO.
TICKING: Final = frozenset(
    {
        "activity.tasks.sweep_jobs",
        "activity.tasks.read_events",
        "activity.tasks.read_shard_history",
        "activity.tasks.flush_histories",
        "analytics.tasks.drain",
        "analytics.tasks.drain_shard",
        "analytics.tasks.retry_letters",
        "content.tasks.sweep_cards",
        "finishd.privacy.tasks.resume_erasures",
    }
)

Event = MutableMapping[str, Any]


def config(form: str, level: str) -> dict[str, Any]:
    """For logging.config.dictConfig; `form` is `json` or `text`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "form": form}},
        "filters": {
            "ticking": {"()": "core.logs.Ticking"},
            "repeated": {"()": "core.logs.Repeated"},
            "answered": {"()": "core.logs.Answered"},
            "bodies": {"()": "core.logs.Bodies"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["repeated"]}
        },
        "loggers": {
            "django": {"handlers": []},  # Django's own would say everything twice under DEBUG
            "django.request": {"filters": ["answered"]},
            "django.security.DisallowedHost": {"filters": ["answered"]},
            "celery.worker.strategy": {"filters": ["ticking"]},
            "celery.worker.request": {"filters": ["ticking"]},
            "celery.app.trace": {"filters": ["ticking"]},
            "celery.worker.consumer.consumer": {"filters": ["bodies"]},
            # Both would else bring a handler of their own, in a form of their own.
            "_granian": {"handlers": ["stderr"], "propagate": False},
            "multiprocessing": {"handlers": ["stderr"], "propagate": False, "level": "ERROR"},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }


def form_of(environment: Mapping[str, str]) -> str:
    """`json` or `text`: LOG_FORMAT, else as DEBUG says. For the web server, which knows no settings."""
    debug = environment.get("DEBUG", "").lower() in {"true", "on", "ok", "y", "yes", "1"}
    return environment.get("LOG_FORMAT") or ("text" if debug else "json")


class Quick(ProcessorFormatter):
    """A request's line is made of known parts at once: 12 µs instead of 34, at each request."""

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if fields is None:
            return super().format(record)
        head = {"time": _time(record.created), "level": "info", "message": record.getMessage()}
        bound = structlog.contextvars.get_contextvars()
        return orjson.dumps({**head, **bound, "logger": record.name, **fields}).decode()


def formatter(form: str = "") -> ProcessorFormatter:
    """structlog's, for records of stdlib logging; without a `form`, as the environment says. Raises ValueError for an
    unknown one."""
    form = form or form_of(os.environ)
    renderers = {"json": _json, "text": _text}
    if form not in renderers:
        raise ValueError(f"LOG_FORMAT={form} is neither json nor text.")
    return (Quick if form == "json" else ProcessorFormatter)(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _timed,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            scrub,
            renderers[form],
        ],
    )


def _timed(_logger: Any, _name: str, event: Event) -> Event:
    event["time"] = _time(event["_record"].created)
    return event


def _time(seconds: float) -> str:
    """2026-01-31T12:00:00.123Z"""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03}Z"


# --- what must not be in it ---

_SECRETS: Final = (
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;]+"), "Bearer [token]"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)*"), "[token]"),
    # Which row, which document: PostgreSQL and Firestore name it in their errors, and with it a person.
    (re.compile(r"(?<=\)=)\([^)\n]*\)"), "(…)"),
    (re.compile(r"(?<=/documents/)[^\s'\"]+"), "…"),
)


def scrub(_logger: Any, _name: str, event: Event) -> Event:
    """The last resort: tokens, and the keys of rows and documents, whoever put them into a text."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _scrubbed(value)
        elif not isinstance(value, int | float | None):
            event[key] = _scrubbed(str(value))
    return event


def _scrubbed(text: str) -> str:
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


# --- forms ---


def _json(_logger: Any, _name: str, event: Event) -> str:
    line = {"time": event.pop("time"), "level": event.pop("level"), "message": event.pop("event")}
    return orjson.dumps({**line, **event}).decode()


def _text(_logger: Any, _name: str, event: Event) -> str:
    """For people: the message, then what is bound, then a traceback."""
    begin = (
        f"{event.pop('time')[11:23]} {event.pop('level').upper()} {event.pop('logger')}: {event.pop('event')}"
    )
    trace = event.pop("exception", None)
    bound = " ".join(f"{key}={value}" for key, value in event.items())
    return begin + (f"  [{bound}]" if bound else "") + (f"\n{trace}" if trace else "")


# --- filters ---


class Ticking(logging.Filter):
    """Drops Celery's "received" and "succeeded" of these tasks, and "revoked" of their messages that expired."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or _task(record) not in TICKING


def _task(record: logging.LogRecord) -> object:
    """The task's name: by its key, or the first of a line's arguments."""
    if isinstance(record.args, tuple):
        return record.args[0] if record.args else None
    return record.args.get("name") if record.args else None


READY: Final = "/health/ready"  # whose 503 is an answer: the view itself says which part is not good


class Answered(logging.Filter):
    """Drops Django's lines about a 4xx and about readiness, which the line of the request tells, and has those of
    another 5xx name no path."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 400)
        if status < 500 or (status == 503 and READY in record.getMessage()):
            return False
        request = getattr(record, "request", None)
        if isinstance(record.args, tuple) and request is not None:
            path, route = request.path, route_of(request)
            record.args = tuple(route if value == path else value for value in record.args)
        return True


def route_of(request: Any) -> str:
    """The template of a request's path; one for all that have none. What is logged and counted instead of the path."""
    match = getattr(request, "resolver_match", None)
    return f"/{match.route}" if match is not None else "unknown"


class Bodies(logging.Filter):
    """Celery says all of a message that it does not understand, arguments included. Leaves only what is wrong."""

    def filter(self, record: logging.LogRecord) -> bool:
        told, more, _ = str(record.msg).strip().partition("\n")
        if more and isinstance(record.args, tuple):
            told = told.partition(" [")[0]
            record.msg, record.args = told, record.args[: told.count("%")]
        return True


class Repeated(logging.Filter):
    """Passes a warning or error, then for `seconds` no other that says the same; the next one tells how many it stands
    for. Numbers do not make two lines different. Remembers the latest `most` kinds."""

    def __init__(
        self, seconds: float = 10.0, most: int = 256, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._said: OrderedDict[tuple[str, int, str], tuple[float, int]] = (
            OrderedDict()
        )  # kind → (since, dropped)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        kind, now = _kind(record), self._clock()
        with self._lock:
            since, dropped = self._said.get(kind, (-self._seconds, 0))
            if now - since < self._seconds:
                self._said[kind] = (since, dropped + 1)
                return False
            self._said[kind] = (now, 0)
            self._said.move_to_end(kind)
            while len(self._said) > self._most:
                self._said.popitem(last=False)
        if dropped:
            record.msg, record.args = f"{record.getMessage()} (and {dropped} like it before)", ()
        return True


def _kind(record: logging.LogRecord) -> tuple[str, int, str]:
    error = record.exc_info[0] if record.exc_info else None
    text = f"{record.getMessage()[:300]} {error.__name__ if error else ''}"
    return record.name, record.levelno, re.sub(r"\d+(\.\d+)?", "0", text)
