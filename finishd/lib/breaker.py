"""A circuit breaker: after some failures in a row calls fail at once, then one probe decides.

The lock is held only around state changes, never around the guarded call: one
slow call must not queue the others behind it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

State = Literal["closed", "open", "half-open"]


class BreakerOpen(Exception):
    """The guarded part failed lately; `retry_after` is the number of seconds until a probe is let through."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"{name} is failing; next try in {retry_after:.1f} s")
        self.name = name
        self.retry_after = retry_after


class Breaker:
    """Opens after `failures` consecutive failures of the types in `counts`, for `open_seconds`.

    One per process and outside part. Thread-safe. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        counts: tuple[type[BaseException], ...],
        failures: int = 5,
        open_seconds: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._counts = counts
        self._limit = failures
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        until = self._open_until
        if until is None:
            return "closed"
        return "open" if self._clock() < until else "half-open"

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run the body if the breaker lets it; raises `BreakerOpen` otherwise."""
        probing = self._enter()
        try:
            yield
        except self._counts:
            self._record_failure(probing=probing)
            raise
        except BaseException:
            self._record_success(probing=probing)  # the part answered, if only to say no
            raise
        else:
            self._record_success(probing=probing)

    def _enter(self) -> bool:
        """Whether the call is the probe. Raises `BreakerOpen` if it may not be made."""
        if self._open_until is None:
            return False
        with self._lock:
            if self._open_until is None:  # closed by another thread meanwhile
                return False  # type: ignore[unreachable]
            left = self._open_until - self._clock()
            if left > 0 or self._probing:
                raise BreakerOpen(self.name, max(left, 0.0))
            self._probing = True
            return True

    def _record_success(self, *, probing: bool) -> None:
        if self._failed == 0 and self._open_until is None:
            return
        with self._lock:
            if self._open_until is not None and not probing:
                return  # it began before the breaker opened; only the probe decides
            self._failed = 0
            self._open_until = None
            self._probing = False

    def _record_failure(self, *, probing: bool) -> None:
        with self._lock:
            if self._open_until is not None and not probing:
                return
            self._failed += 1
            if probing or self._failed >= self._limit:
                self._open_until = self._clock() + self._open_seconds
                self._probing = False
