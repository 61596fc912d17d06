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
    }
)


class Ticking(logging.Filter):
    """Drops Celery's "received" and "succeeded" of these tasks."""

    def filter(self, record: logging.LogRecord) -> bool:
        told = record.args if isinstance(record.args, dict) else {}
        return record.levelno > logging.INFO or told.get("name") not in TICKING
