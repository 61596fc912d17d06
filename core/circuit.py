"""A circuit breaker: after some failures in a row calls fail at once, then one probe decides.

The lock is held only around state changes, never around the guarded call: one
slow call must not queue the others behind it. Breakers of outside parts are
registered by name; whoever shows or measures them asks here, for this process.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Literal, get_args

State = Literal["closed", "open", "half-open"]
STATES: Final[tuple[State, ...]] = get_args(State)
Listener = Callable[["CircuitBreaker", State], None]

PARTS: Final = ("redis", "cache", "broker", "store", "sql", "auth-keys")  # that have one
OPEN_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)
_registered: dict[str, "CircuitBreaker"] = {}
_listeners: list[Listener] = []


class CircuitOpen(Exception):
    """The guarded part failed lately; `retry_after` is the number of seconds until a probe is let through."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"{name} is failing; next try in {retry_after:.1f} s")
        self.name = name
        self.retry_after = retry_after


class CircuitBreaker:
    """Opens after `failures` consecutive failures of the types in `counts`, for `open_seconds`.

    `judge` may take one of these for an answer all the same. `opened` counts how often it was closed and
    opened. One per process and outside part. Thread-safe. `clock` is seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        *,
        counts: tuple[type[BaseException], ...],
        judge: Callable[[BaseException], bool] = lambda _: True,
        failures: int = 5,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.opened = 0
        self._counts = counts
        self._judge = judge
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

    @property
    def retry_after(self) -> float:
        """Seconds until a probe is let through; 0 when it is not open."""
        until = self._open_until
        return max(until - self._clock(), 0.0) if until is not None else 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run the body if the breaker lets it; raises `CircuitOpen` otherwise."""
        probing = self._enter()
        try:
            yield
        except self._counts as reason:
            if self._judge(reason):
                self._record_failure(reason, probing=probing)
            else:
                self._record_success(probing=probing)
            raise
        except BaseException:
            self._record_success(probing=probing)  # the part answered, if only to say no
            raise
        else:
            self._record_success(probing=probing)

    def _enter(self) -> bool:
        """Whether the call is the probe. Raises `CircuitOpen` if it may not be made."""
        if self._open_until is None:
            return False
        with self._lock:
            if self._open_until is None:  # closed by another thread meanwhile
                return False  # type: ignore[unreachable]
            left = self._open_until - self._clock()
            if left > 0 or self._probing:
                raise CircuitOpen(self.name, max(left, 0.0))
            self._probing = True
        _tell(self, "half-open")
        return True

    def _record_success(self, *, probing: bool) -> None:
        if self._failed == 0 and self._open_until is None:
            return
        with self._lock:
            if self._open_until is not None and not probing:
                return  # it began before the breaker opened; only the probe decides
            closes = self._open_until is not None
            self._failed = 0
            self._open_until = None
            self._probing = False
        if closes:
            logger.warning("%s answers again", self.name)
            _tell(self, "closed")

    def _record_failure(self, reason: BaseException, *, probing: bool) -> None:
        with self._lock:
            if self._open_until is not None and not probing:
                return
            self._failed += 1
            opens = probing or self._failed >= self._limit
            if opens:
                self.opened += not probing
                self._open_until = self._clock() + self._open_seconds
                self._probing = False
        if opens and not probing:
            logger.warning(
                "%s gives no answer: nobody waits for it now (%s: %s)",
                *(self.name, type(reason).__name__, reason),
            )
        if opens:
            _tell(self, "open")


def register(breaker: CircuitBreaker) -> CircuitBreaker:
    """Have `registered` list it, in the place of one of the same name."""
    _registered[breaker.name] = breaker
    return breaker


def all_breakers() -> dict[str, CircuitBreaker]:
    """The breakers of this process by name: of the parts that it has called so far."""
    return dict(sorted(_registered.items()))


def on_state_change(listener: Listener) -> None:
    """Have `listener` called, in the thread that caused it, when any breaker of this process changes its state."""
    _listeners.append(listener)


def _tell(breaker: CircuitBreaker, state: State) -> None:
    for listener in _listeners:
        listener(breaker, state)
