"""Formatters for records of the standard library's logging, by structlog.

The web server's parent process uses `make_formatter` without Django, so nothing here may import Django.
"""

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter

from core.logs.redaction import redact
from core.times import format_utc_milliseconds

FORMATS: Final = ("json", "text")

Event = MutableMapping[str, Any]


def get_log_format(environment: Mapping[str, str]) -> str:
    """Return LOG_FORMAT, or `text` under DEBUG and `json` otherwise. For processes without Django's settings.

    The settings refuse an unknown format. Here it has the default, so that the web server can log that it ends.
    """
    debug = environment.get("DEBUG", "").lower() in {"true", "on", "ok", "y", "yes", "1"}
    chosen = environment.get("LOG_FORMAT", "").strip().lower()
    return chosen if chosen in FORMATS else ("text" if debug else "json")


class FastJsonFormatter(ProcessorFormatter):
    """Write a response's log line directly: 12 µs instead of 34, for every request."""

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, Any] | None = getattr(record, "fields", None)
        if fields is None:
            return super().format(record)
        head = {
            "time": format_utc_milliseconds(record.created),
            "level": "info",
            "message": record.getMessage(),
        }
        bound = structlog.contextvars.get_contextvars()
        return orjson.dumps({**head, **bound, "logger": record.name, **fields}).decode()


def make_formatter(log_format: str = "") -> ProcessorFormatter:
    """Return a formatter for `json` or `text`; without an argument, for the format in the environment.

    Raises ValueError for another format.
    """
    log_format = log_format or get_log_format(os.environ)
    renderers = {"json": _render_json, "text": _render_text}
    if log_format not in renderers:
        raise ValueError(f"LOG_FORMAT={log_format} is neither json nor text.")
    return (FastJsonFormatter if log_format == "json" else ProcessorFormatter)(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            _add_time,
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderers[log_format],
        ],
    )


def _add_time(_logger: Any, _name: str, event: Event) -> Event:
    event["time"] = format_utc_milliseconds(event["_record"].created)
    return event


def _render_json(_logger: Any, _name: str, event: Event) -> str:
    line = {"time": event.pop("time"), "level": event.pop("level"), "message": event.pop("event")}
    return orjson.dumps({**line, **event}).decode()


def _render_text(_logger: Any, _name: str, event: Event) -> str:
    """Return a line for people: the message, then the bound fields, then the traceback."""
    head = (
        f"{event.pop('time')[11:23]} {event.pop('level').upper()} {event.pop('logger')}: {event.pop('event')}"
    )
    traceback = event.pop("exception", None)
    bound = " ".join(f"{key}={value}" for key, value in event.items())
    return head + (f"  [{bound}]" if bound else "") + (f"\n{traceback}" if traceback else "")
