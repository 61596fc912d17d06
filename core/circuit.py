"""A circuit breaker: after several failures in a row, calls to a dependency fail at once until a probe succeeds.

The lock is held only around state changes, never around the protected call, so that one slow call does not delay the
others. The circuit breakers of a process are registered by the name of their dependency.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Literal, get_args

CircuitState = Literal["closed", "open", "half-open"]
STATES: Final[tuple[CircuitState, ...]] = get_args(CircuitState)
Listener = Callable[["CircuitBreaker", CircuitState], None]

OPEN_SECONDS: Final = 2.0

logger = logging.getLogger(__name__)
_dependencies: set[str] = set()
_registered: dict[str, "CircuitBreaker"] = {}
_listeners: list[Listener] = []
_is_check: ContextVar[bool] = ContextVar("is_check", default=False)


class CircuitOpen(Exception):
    """The call was not made: the dependency failed recently. `retry_after` is the time until a probe, in seconds."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"circuit breaker open: {name}; retry in {retry_after:.1f} s")
        self.name = name
        self.retry_after = retry_after


@contextmanager
def checking() -> Iterator[None]:
    """Make every call of the block, whatever the state of its circuit breaker, to learn whether the server works now.

    A call that succeeds closes a circuit breaker that was open when it began. A failure is not recorded, so a check
    never makes requests fail or wait for longer. For this thread only.
    """
    token = _is_check.set(True)
    try:
        yield
    finally:
        _is_check.reset(token)


class CircuitBreaker:
    """Opens for `open_seconds` after `failure_threshold` failures in a row. Thread-safe; one per dependency.

    An exception of `failure_types` is a failure, unless `is_failure` returns False for it. Any other exception is a
    response of the dependency. `times_opened` counts changes from closed to open. `clock` returns monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        failure_types: tuple[type[BaseException], ...],
        is_failure: Callable[[BaseException], bool] = lambda _: True,
        failure_threshold: int = 5,
        open_seconds: float = OPEN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.times_opened = 0
        self._failure_types = failure_types
        self._is_failure = is_failure
        self._failure_threshold = failure_threshold
        self._open_seconds = open_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._consecutive_failures = 0
        self._open_until: float | None = None
        self._is_probing = False

    @property
    def state(self) -> CircuitState:
        until = self._open_until
        if until is None:
            return "closed"
        return "open" if self._clock() < until else "half-open"

    @property
    def retry_after(self) -> float:
        """Seconds until a probe may be made; 0 unless the circuit breaker is open."""
        until = self._open_until
        return max(until - self._clock(), 0.0) if until is not None else 0.0

    @contextmanager
    def protect(self) -> Iterator[None]:
        """Run the block and record its result. Raises CircuitOpen if the call may not be made. See also `checking`."""
        is_probe = self._check_may_call()
        try:
            yield
        except self._failure_types as reason:
            if self._is_failure(reason):
                self._record_failure(reason, is_probe=is_probe)
            else:
                self._record_success(is_probe=is_probe)
            raise
        except BaseException:
            self._record_success(is_probe=is_probe)  # an error that is not a failure is a response
            raise
        else:
            self._record_success(is_probe=is_probe)

    def _check_may_call(self) -> bool:
        """Return whether the call is a probe. Raises CircuitOpen if it may not be made."""
        if self.state == "closed":
            return False
        if _is_check.get():
            return True
        with self._lock:
            if self._open_until is None:  # another thread closed it
                return False
            left = self._open_until - self._clock()
            if left > 0 or self._is_probing:
                raise CircuitOpen(self.name, max(left, 0.0))
            self._is_probing = True
        _notify_listeners(self, "half-open")
        return True

    def _record_success(self, *, is_probe: bool) -> None:
        if self._consecutive_failures == 0 and self._open_until is None:
            return
        with self._lock:
            if self._open_until is not None and not is_probe:
                return  # this call began before the circuit breaker opened; only the probe decides
            closes = self._open_until is not None
            self._consecutive_failures = 0
            self._open_until = None
            self._is_probing = False
        if closes:
            logger.warning("circuit breaker closed: %s", self.name)
            _notify_listeners(self, "closed")

    def _record_failure(self, reason: BaseException, *, is_probe: bool) -> None:
        if _is_check.get():
            return
        with self._lock:
            if self._open_until is not None and not is_probe:
                return
            self._consecutive_failures += 1
            opens = is_probe or self._consecutive_failures >= self._failure_threshold
            if opens:
                self.times_opened += not is_probe
                self._open_until = self._clock() + self._open_seconds
                self._is_probing = False
        if opens and not is_probe:
            logger.warning("circuit breaker opened: %s (%s: %s)", self.name, type(reason).__name__, reason)
        if opens:
            _notify_listeners(self, "open")


def declare_dependency(name: str) -> None:
    """Declare a dependency whose circuit breaker is made later, at the first call."""
    _dependencies.add(name)


def get_dependencies() -> list[str]:
    """Return the names of all declared dependencies, sorted. Each has a circuit breaker, or gets one later."""
    return sorted(_dependencies)


def register_circuit_breaker(breaker: CircuitBreaker) -> CircuitBreaker:
    """Add a circuit breaker to `get_circuit_breakers`, in place of one of the same name. Return it."""
    declare_dependency(breaker.name)
    _registered[breaker.name] = breaker
    return breaker


def get_circuit_breakers() -> dict[str, CircuitBreaker]:
    """Return this process's circuit breakers by name, for the dependencies that it has called so far."""
    return dict(sorted(_registered.items()))


def add_state_listener(listener: Listener) -> None:
    """Call `listener` at every state change of a circuit breaker of this process, in the thread that caused it."""
    _listeners.append(listener)


def _notify_listeners(breaker: CircuitBreaker, state: CircuitState) -> None:
    for listener in _listeners:
        listener(breaker, state)
