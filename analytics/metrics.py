"""The counters of events."""

from typing import Final

from core.telemetry import counter

EVENTS_LOST: Final = counter(
    "events_lost_total", "Acknowledged events that Redis lost, at most: some may have been read before."
)
