"""Celery's consumer, with pauses between connections to a broker that rejects commands."""

import logging
import time
import warnings
from typing import Final

from celery.exceptions import CPendingDeprecationWarning
from celery.worker import consumer
from celery.worker.state import maybe_shutdown
from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)

# With each lost connection, Celery announces another default of a setting that has a value here.
warnings.filterwarnings("ignore", r"\s*In Celery 5\.1 we introduced", CPendingDeprecationWarning)

MIN_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 8.0
_STEP_SECONDS: Final = 0.1  # how long a shutdown may wait


class Consumer(consumer.Consumer):
    """Celery pauses only while it cannot connect. Redis may accept a connection and then reject each command."""

    _pause = MIN_PAUSE_SECONDS
    _rejected_at = float("-inf")

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        self._wait(exc)
        super().on_connection_error_after_connected(exc)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        self._wait(exc)
        super().on_connection_error_before_connected(exc)

    def _wait(self, error: Exception) -> None:
        """Wait after a rejected command, twice as long each time. A quiet period ends the doubling."""
        if not isinstance(error, ResponseError):
            return
        now = time.monotonic()
        is_repeated = now < self._rejected_at + 2 * MAX_PAUSE_SECONDS
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS) if is_repeated else MIN_PAUSE_SECONDS
        self._rejected_at = now
        logger.warning("broker: a command was rejected, connecting again in %.1f s: %s", self._pause, error)
        while time.monotonic() < now + self._pause:
            maybe_shutdown()
            time.sleep(_STEP_SECONDS)
