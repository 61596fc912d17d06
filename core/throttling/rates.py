"""What the environment says of how often: `THROTTLE_FEED_USER=120/min`, read once, so that no request parses any."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ImproperlyConfigured

MICROSECONDS: Final = 1_000_000  # microseconds, in which Redis counts
MAX_PERIOD_SECONDS: Final = 24 * 3600  # seconds; no key of the limiter lives longer
_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 24 * 3600}
_WRITTEN: Final = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})?(s|min|h|d)", re.ASCII)

# Classes of requests: what one user, and what one address, may do. A phone that scrolls as fast as fingers go stays
# far below; behind one address of a mobile carrier are thousands of phones.
DEFAULTS: Final = {
    "feed": {"user": "120/min", "address": "6000/min"},
    "write": {"user": "120/min", "address": "3000/min"},
    "events": {"user": "60/min", "address": "3000/min"},
    "search": {"user": "120/min", "address": "2000/min"},
    "read": {"user": "120/min", "address": "3000/min"},
    # Answers 401. Nobody is known, so there are only addresses.
    "denied": {"address": "300/min"},
    # Tries to sign in to the admin; `user` is the name that is tried.
    "login": {"user": "10/15min", "address": "30/15min"},
}


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, and then one in each `interval`: a bucket that fills up again within `seconds`."""

    limit: int
    seconds: int
    interval: int = field(init=False)  # microseconds
    burst: int = field(init=False)  # microseconds that `limit` requests are worth

    def __post_init__(self) -> None:
        object.__setattr__(self, "interval", self.seconds * MICROSECONDS // self.limit)
        object.__setattr__(self, "burst", self.interval * self.limit)

    def add_request(self, full_at: int, now: int) -> tuple[int, int]:
        """When the bucket is full again after one more, and for how long that one must wait (0: it need not).

        Microseconds. The arithmetic of the limiter's script, for whoever counts elsewhere.
        """
        after = max(full_at, now) + self.interval
        return after, max(after - now - self.burst, 0)

    def halved(self) -> "Rate":
        return Rate(max(self.limit // 2, 1), self.seconds)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a class of requests may do; None where it is not limited."""

    scope: str
    user: Rate | None = None
    address: Rate | None = None
    policy: str = field(init=False)  # the RateLimit-Policy field

    def __post_init__(self) -> None:
        rates = (("user", self.user), ("address", self.address))
        policies = [f'"{side}";q={rate.limit};w={rate.seconds}' for side, rate in rates if rate]
        object.__setattr__(self, "policy", ", ".join(policies))


def parse(text: str) -> Rate | None:
    """`120/min`, `10/15min`, `5/s`; None for nothing. Raises ValueError."""
    if not text:
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(text)
    limit, seconds = int(found[1]), int(found[2] or 1) * _UNITS[found[3]]
    if seconds > MAX_PERIOD_SECONDS or limit > seconds * MICROSECONDS:
        raise ValueError(text)
    return Rate(limit, seconds)


def get_variables() -> dict[str, str]:
    """What the environment may set, with what holds without it."""
    return {
        _name(scope, side): default for scope, sides in DEFAULTS.items() for side, default in sides.items()
    }


def get_unlimited_environment() -> dict[str, str]:
    """An environment in which everybody is counted and nobody refused: for tests and measurements."""
    return dict.fromkeys(get_variables(), "1000000/s")


def load_limits(value_of: Callable[[str, str], str]) -> dict[str, Limits]:
    """All classes; `value_of(variable, default)` asks the environment. Raises ImproperlyConfigured in one line."""
    return {
        scope: Limits(scope, **{side: _read(value_of, scope, side) for side in sides})
        for scope, sides in DEFAULTS.items()
    }


def _name(scope: str, side: str) -> str:
    return f"THROTTLE_{scope}_{side}".upper()


def _read(value_of: Callable[[str, str], str], scope: str, side: str) -> Rate | None:
    name, default = _name(scope, side), DEFAULTS[scope][side]
    text = value_of(name, default)
    try:
        return parse(text)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} is {text!r}; a rate is written like {default}, of s, min, h or d and a day at most, "
            "or left empty for no limit."
        ) from error
