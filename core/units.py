"""Durations in seconds, and the limit of stored times."""

from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR

LATEST_TIME: Final = 2**32  # epoch seconds, in 2106: a stored time beyond it is unreadable
