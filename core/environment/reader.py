"""Typed readers of environment variables. A value outside the bounds is an error of one sentence."""

import math
import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

from django.core.exceptions import ImproperlyConfigured

from core.environment import urls

MIN_SECONDS: Final = 0.001
MAX_PORT: Final = 65_535
_SHOWN: Final = 60  # characters of a value in an error
_TRUE: Final = ("true", "on", "ok", "y", "yes", "1")
_FALSE: Final = ("false", "off", "n", "no", "0")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?", re.ASCII)
_SECRET: Final = re.compile(r"[!-~]+", re.ASCII)


class Reader:
    """Reads variables with `get(name, default)`. An empty variable has its default, like an unset one.

    Each method raises ImproperlyConfigured with a sentence: the variable, its value, and what is allowed. The sentence
    contains no secret, and no password of a URL.
    """

    def __init__(self, get: Callable[[str, str], str]) -> None:
        self._get_or = get

    def text(self, name: str, *, default: str = "") -> str:
        """Return text without bounds. Use it only for names and secrets that another system made."""
        return self._get(name) or default

    def names(self, name: str, *, default: Sequence[str] = ()) -> list[str]:
        """Return the parts between commas, without spaces around them."""
        return [part.strip() for part in self._get(name).split(",") if part.strip()] or list(default)

    def flag(self, name: str, *, default: bool) -> bool:
        text = self._get(name).strip().lower()
        if not text:
            return default
        if text not in (*_TRUE, *_FALSE):
            raise _refused(name, self._get(name), "be true or false")
        return text in _TRUE

    def choice(self, name: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of `choices`, in their spelling. Upper and lower case are equal."""
        text = self._get(name).strip()
        if not text:
            return default
        found = next((choice for choice in choices if choice.lower() == text.lower()), None)
        if found is None:
            raise _refused(name, text, f"be {', '.join(choices[:-1])} or {choices[-1]}")
        return found

    def count(self, name: str, *, default: int, minimum: int = 1, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`."""
        text = self._get(name).strip()
        if not text:
            return default
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not minimum <= number <= maximum:
            raise _refused(name, text, f"be a whole number from {minimum} to {maximum}")
        return number

    def percentage(self, name: str, *, default: int) -> int:
        return self.count(name, default=default, minimum=0, maximum=100)

    def port(self, name: str) -> int:
        """Return a TCP port, or 0 if none is set."""
        return self.count(name, default=0, minimum=0, maximum=MAX_PORT)

    def seconds(self, name: str, *, default: float, maximum: float) -> float:
        """Return a duration above zero, at most `maximum` seconds."""
        text = self._get(name).strip()
        if not text:
            return default
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not MIN_SECONDS <= number <= maximum:  # also for NaN, which is in no range
            raise _refused(name, text, f"be a number of seconds from {MIN_SECONDS} to {maximum:g}")
        return number

    def whole_seconds(self, name: str, *, default: int, minimum: int = 1, maximum: int) -> int:
        """Return a duration without a fraction."""
        return self.count(name, default=default, minimum=minimum, maximum=maximum)

    def rate(self, name: str, default: str) -> str:
        """Return the text of a rate, which `core.throttling.rates` checks. Here "" is a value: no limit."""
        return self._get_or(name, default)

    def secret(self, name: str, *, minimum: int) -> str:
        """Return "" or a token of `minimum` or more visible ASCII characters. An error does not show it."""
        text = self._get(name)
        if text and (len(text) < minimum or not _SECRET.fullmatch(text)):
            raise ImproperlyConfigured(
                f"{name} is too short or contains a space; it must have {minimum} or more visible ASCII characters."
            )
        return text

    def host(self, name: str, *, default: str) -> str:
        """Return an IP address or a host name."""
        text = self._get(name).strip() or default
        if not _is_address(text) and not _HOST_NAME.fullmatch(text):
            raise _refused(name, text, "be an IP address or a host name")
        return text

    def redis_url(self, name: str, *, default: str = "") -> str:
        """Return the URL of a Redis server, or `default`. See `urls.check_redis_url`."""
        url = self._get(name).strip() or default
        if url:
            urls.check_redis_url(name, url)
        return url

    def database_url(self, name: str, *, default: str) -> str:
        """Return the URL of a database. See `urls.check_database_url`."""
        url = self._get(name).strip() or default
        urls.check_database_url(name, url)
        return url

    def _get(self, name: str) -> str:
        return self._get_or(name, "")


def check_below(smaller: tuple[str, float], larger: tuple[str, float]) -> None:
    """Raise ImproperlyConfigured unless the first setting is below the second. Both are a name and a value."""
    if smaller[1] >= larger[1]:
        raise ImproperlyConfigured(
            f"{smaller[0]} is {smaller[1]:g}; it must be below {larger[0]}, which is {larger[1]:g}."
        )


def _refused(name: str, value: str, rule: str) -> ImproperlyConfigured:
    shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
    return ImproperlyConfigured(f"{name} is {shown!r}; it must {rule}.")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
