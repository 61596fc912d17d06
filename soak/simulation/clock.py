"""The simulated clock, and random tokens that depend on the seed only."""

import itertools
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Final

START: Final = 1_795_000_000.0  # epoch seconds
PACKAGES: Final = ("activity", "analytics", "content", "core", "feed")


class Clock:
    """A replacement for the module `time`. It moves only when `now` is set."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def perf_counter(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)  # strftime and others that do not read the clock


class Tokens:
    """A replacement for the module `secrets`: the same values in the same order for every run of a seed."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self._numbers = itertools.count()

    def token_hex(self, size: int) -> str:
        return blake2b(b"%d" % next(self._numbers), digest_size=size).hexdigest()

    def randbelow(self, limit: int) -> int:
        return int(self.token_hex(8), 16) % limit


@contextmanager
def replaced_modules(clock: Clock, tokens: Tokens) -> Iterator[None]:
    """Replace `time` and `secrets` in every loaded module of the application."""
    replaced: list[tuple[Any, str, Any]] = []
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] not in PACKAGES or ".tests" in name:
            continue
        for attribute, original, substitute in (("time", time, clock), ("secrets", secrets, tokens)):
            if getattr(module, attribute, None) is original:
                replaced.append((module, attribute, original))
                setattr(module, attribute, substitute)
    try:
        yield
    finally:
        for module, attribute, original in replaced:
            setattr(module, attribute, original)
