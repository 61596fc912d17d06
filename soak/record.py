"""The record of a run: the history of all operations and faults, counted actions, and violations."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from soak.checks.answers import RECOVERY_SECONDS, is_affected
from soak.history import Fault, History, Operation

MAX_VIOLATIONS: Final = 200


@dataclass(slots=True)
class RunRecord:
    """Thread-safe: all actors write to it. Times are seconds of `time.monotonic()`."""

    history: History = field(default_factory=lambda: History([], start=time.monotonic()))
    violations: list[str] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def restart(self) -> None:
        """Discard the operations and actions of the warm-up."""
        self.history.operations.clear()
        self.actions.clear()
        self.history.start = time.monotonic()

    @property
    def start(self) -> float:
        return self.history.start

    @property
    def faults(self) -> list[Fault]:
        return self.history.faults

    @property
    def requests(self) -> list[Operation]:
        """The operations that were HTTP requests."""
        return [operation for operation in self.history.operations if operation.endpoint]

    def add(self, operations: Iterable[Operation]) -> None:
        with self._lock:
            self.history.operations.extend(operations)

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

    def get_last_change(self) -> float:
        """Return the time at which the last fault and the last operation of a person had ended."""
        faults = (fault.end for fault in self.faults)
        changes = (each.end for each in self.history.operations if each.kind not in {"page", "report"})
        return max([self.start, *faults, *changes])

    def get_last_recovery(self) -> float:
        """Return the time (epoch seconds) at which the effects of the last fault had ended."""
        end = max((fault.end for fault in self.faults), default=self.start) + RECOVERY_SECONDS
        return time.time() - time.monotonic() + end

    def is_affected(self, operation: Operation) -> bool:
        """Return whether a fault may have affected the operation."""
        return is_affected(self.history, operation)

    def get_failures(self, fault: Fault, next_fault: Fault | None) -> list[Operation]:
        """Return the failed requests between this fault and the next one."""
        end = next_fault.start if next_fault else float("inf")
        return [each for each in self.requests if each.is_failed and fault.start <= each.end < end]


def get_recovery_seconds(fault: Fault, failures: Sequence[Operation]) -> float:
    """Return the time from the start of the fault to the last failed request. It is 0 if no request failed."""
    return max((operation.end - fault.start for operation in failures), default=0.0)
