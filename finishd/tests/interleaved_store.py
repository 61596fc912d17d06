"""A store for tests that runs other code between store calls."""

from collections.abc import Callable
from typing import Any


class InterleavedStore:
    """The real store, with a hook before and after each call."""

    def __init__(self, real: Any, interfere: Callable[[], None]) -> None:
        self._real, self._interfere = real, interfere

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._interfere()
            result = method(*args, **kwargs)
            self._interfere()
            return result

        return call
