"""UTC times as text. `seconds` are epoch seconds."""

import time
from datetime import UTC, datetime


def to_datetime(seconds: float) -> datetime:
    """Return an aware datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def format_utc(seconds: float) -> str:
    """Return `2026-01-31 12:00:00`, for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def format_utc_minutes(seconds: float) -> str:
    """Return `2026-01-31 12:00`, for people."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def format_utc_iso(seconds: float) -> str:
    """Return `2026-01-31T12:00:00Z`, for programs."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def format_utc_milliseconds(seconds: float) -> str:
    """Return `2026-01-31T12:00:00.123Z`."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1000):03}Z"
