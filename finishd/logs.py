"""What is left out of the log."""

import logging
from typing import Final

# They run every few seconds, all day; what goes wrong in them is logged above INFO.
TICKING: Final = frozenset(
    {
        "activity.tasks.sweep",
        "activity.tasks.read_events",
        "activity.tasks.read_shard",
        "activity.tasks.flush_histories",
        "analytics.tasks.drain",
        "analytics.tasks.drain_shard",
        "analytics.tasks.retry_letters",
        "content.tasks.sweep_cards",
        "finishd.tasks.resume_erasures",
    }
)


class Ticking(logging.Filter):
    """Drops Celery's "received" and "succeeded" of these tasks, and "revoked" of their messages that expired."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.INFO or _task(record) not in TICKING


def _task(record: logging.LogRecord) -> object:
    """The task's name: by its key, or the first of a line's arguments."""
    if isinstance(record.args, tuple):
        return record.args[0] if record.args else None
    return record.args.get("name") if record.args else None
