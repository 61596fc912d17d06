"""The time that a statement may wait for a lock."""

from typing import Final

from core import deadlines

# A share of the request's remaining time. It is small: requests that wait for one lock must not occupy all threads
# of a web process.
_SHARE: Final = 1 / 6


def get_lock_timeout() -> float:
    """Return the seconds that a statement may wait for a lock: 250 ms of 1.5 s. Infinite without a deadline."""
    return max(deadlines.remaining_optional(), 0.0) * _SHARE
