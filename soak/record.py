"""The record of a run: all responses, faults, actions and violations."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

# Seconds after the end of a fault in which responses may still fail: circuit breakers are open, servers start.
RECOVERY_SECONDS: Final = 6.0
MAX_VIOLATIONS: Final = 200
WEB_KILLED: Final = "web process killed"  # The only fault after which a request may have no response.


@dataclass(frozen=True, slots=True)
class Response:
    """A response, or with status 0 the lack of one. `start` is in seconds of `time.monotonic()`."""

    endpoint: str
    status: int
    start: float
    milliseconds: float

    @property
    def end(self) -> float:
        return self.start + self.milliseconds / 1_000

    @property
    def is_successful(self) -> bool:
        return 200 <= self.status < 500


@dataclass(slots=True)
class Fault:
    """A fault that was injected, in seconds of `time.monotonic()`."""

    name: str
    start: float
    end: float = float("inf")

    def affects(self, response: Response) -> bool:
        return response.end >= self.start and response.start <= self.end + RECOVERY_SECONDS


@dataclass(slots=True)
class RunRecord:
    """Thread-safe: all actors write to it."""

    start: float = field(default_factory=time.monotonic)
    responses: list[Response] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Discard the responses and actions of the warm-up."""
        self.responses.clear()
        self.actions.clear()
        self.start = time.monotonic()

    def add_response(self, response: Response) -> None:
        with self._lock:
            self.responses.append(response)

    def count_action(self, name: str, number: int = 1) -> None:
        with self._lock:
            self.actions[name] += number

    def add_violation(self, description: str) -> None:
        """Record a violation of an invariant. Only the first MAX_VIOLATIONS are kept."""
        with self._lock:
            if len(self.violations) < MAX_VIOLATIONS:
                self.violations.append(f"at {self.elapsed:.1f} s: {description}")

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run."""
        return time.monotonic() - self.start

    def get_last_recovery(self) -> float:
        """Return the time (epoch seconds) at which the effects of the last fault had ended."""
        end = max((fault.end for fault in self.faults), default=self.start) + RECOVERY_SECONDS
        return time.time() - time.monotonic() + end

    def is_affected(self, response: Response) -> bool:
        """Return whether a fault may have affected the response."""
        return any(fault.affects(response) for fault in self.faults)

    def get_failures(self, fault: Fault, next_fault: Fault | None) -> list[Response]:
        """Return the failed responses between this fault and the next one."""
        end = next_fault.start if next_fault else float("inf")
        return [each for each in self.responses if not each.is_successful and fault.start <= each.end < end]


def get_recovery_seconds(fault: Fault, failures: Sequence[Response]) -> float:
    """Return the time from the start of the fault to the last failed response. It is 0 if no response failed."""
    return max((response.end - fault.start for response in failures), default=0.0)
