"""The logging configuration."""

from typing import Any, Final

from core.logs.formatters import make_formatter

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def get_config(log_format: str, level: str, *, readiness_path: str) -> dict[str, Any]:
    """Return the argument of logging.config.dictConfig. `log_format` is `json` or `text`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": make_formatter, "log_format": log_format}},
        "filters": {
            "noisy_tasks": {"()": "core.logs.filters.NoisyTaskFilter"},
            "broker_outages": {"()": "core.broker.log_filter.BrokerOutageFilter"},
            "repeats": {"()": "core.logs.filters.RepeatFilter"},
            "handled_responses": {
                "()": "core.logs.filters.HandledResponseFilter",
                "readiness_path": readiness_path,
            },
            "message_bodies": {"()": "core.logs.filters.MessageBodyFilter"},
            "unsent_messages": {"()": "core.logs.filters.UnsentMessageFilter"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["broker_outages", "repeats"],
            }
        },
        "loggers": {
            "django": {"handlers": []},  # Django's own handler would write everything twice under DEBUG
            "django.request": {"filters": ["handled_responses"]},
            "django.security.DisallowedHost": {"filters": ["handled_responses"]},
            "celery.worker.strategy": {"filters": ["noisy_tasks"]},
            "celery.worker.request": {"filters": ["noisy_tasks"]},
            "celery.app.trace": {"filters": ["noisy_tasks"]},
            "celery.worker.consumer.consumer": {"filters": ["message_bodies"]},
            "celery.beat": {"filters": ["unsent_messages"]},
            # Both would otherwise add a handler with another format.
            "_granian": {"handlers": ["stderr"], "propagate": False},
            "multiprocessing": {"handlers": ["stderr"], "propagate": False, "level": "ERROR"},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }
