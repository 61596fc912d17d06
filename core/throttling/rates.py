"""Rates and limits, read from the environment once: `THROTTLE_READ_USER=120/min`.

`defaults` in this module are rates as text, by scope and side (`user`, `address`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ImproperlyConfigured

Defaults = Mapping[str, Mapping[str, str]]

MICROSECONDS: Final = 1_000_000  # per second; the limiter counts in microseconds
MAX_PERIOD_SECONDS: Final = 24 * 3600  # no key of the limiter lives longer
_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 24 * 3600}
_RATE_PATTERN: Final = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})?(s|min|h|d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` requests at once, then one per `interval`: a bucket that refills within `seconds`."""

    limit: int
    seconds: int
    interval: int = field(init=False)  # microseconds of one request
    burst: int = field(init=False)  # microseconds of `limit` requests

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval", self.seconds * MICROSECONDS // self.limit)
        object.__setattr__(self, "burst", self.interval * self.limit)

    def add_request(self, full_at: int, now: int) -> tuple[int, int]:
        """Return when the bucket is full after one more request, and how long that request must wait (0: not at all).

        All in microseconds. A request that must wait is not counted. The same arithmetic as the limiter's script, for
        counts that are stored elsewhere: a time after `now + burst` is from a clock that was ahead, and is clamped.
        """
        latest = now + self.burst
        before = min(full_at, latest)
        after = max(before, now) + self.interval
        return (before, after - latest) if after > latest else (after, 0)

    def halved(self) -> "Rate":
        """Return the rate with half of the limit, 1 at least."""
        return Rate(max(self.limit // 2, 1), self.seconds)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a scope. None: no limit."""

    scope: str
    user: Rate | None = None
    address: Rate | None = None
    policy: str = field(init=False)  # value of the RateLimit-Policy header

    def __post_init__(self) -> None:
        rates = (("user", self.user), ("address", self.address))
        policies = [f'"{side}";q={rate.limit};w={rate.seconds}' for side, rate in rates if rate]
        object.__setattr__(self, "policy", ", ".join(policies))


def parse(text: str) -> Rate | None:
    """Parse `120/min`, `10/15min` or `5/s`; "" is None. Raises ValueError."""
    if not text:
        return None
    match = _RATE_PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(text)
    limit, seconds = int(match[1]), int(match[2] or 1) * _UNITS[match[3]]
    if seconds > MAX_PERIOD_SECONDS or limit > seconds * MICROSECONDS:
        raise ValueError(text)
    return Rate(limit, seconds)


def get_variables(defaults: Defaults) -> dict[str, str]:
    """Return the environment variables of all limits, with their defaults."""
    return {
        _variable(scope, side): default
        for scope, sides in defaults.items()
        for side, default in sides.items()
    }


def get_unlimited_environment(defaults: Defaults) -> dict[str, str]:
    """Return an environment in which requests are counted and practically never rejected, for tests and benchmarks."""
    return dict.fromkeys(get_variables(defaults), "1000000/s")


def load_limits(defaults: Defaults, get: Callable[[str, str], str]) -> dict[str, Limits]:
    """Return the limits of all scopes. `get(variable, default)` reads the environment.

    Raises ImproperlyConfigured for a value that is not a rate.
    """
    return {
        scope: Limits(
            scope, **{side: _load(get, _variable(scope, side), default) for side, default in sides.items()}
        )
        for scope, sides in defaults.items()
    }


def _variable(scope: str, side: str) -> str:
    return f"THROTTLE_{scope}_{side}".upper()


def _load(get: Callable[[str, str], str], variable: str, default: str) -> Rate | None:
    text = get(variable, default)
    try:
        return parse(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{variable} is {text!r}; a rate is written like {default}, of s, min, h or d and a day at most, "
            "or left empty for no limit."
        ) from error
