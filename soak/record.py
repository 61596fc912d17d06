"""What happened: every answer, every fault, everything that should not have been."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

CALM_AFTER: Final = (
    6.0  # seconds behind a fault's end in which answers may still fail: breakers, a server that starts
)
VIOLATIONS_KEPT: Final = 200
WEB_KILLED: Final = "web process killed"  # the one fault that may leave a request without any answer


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: no answer at all. `began` is seconds of time.monotonic(), `took` milliseconds."""

    endpoint: str
    status: int
    began: float
    took: float

    @property
    def ended(self) -> float:
        return self.began + self.took / 1_000

    @property
    def good(self) -> bool:
        return 200 <= self.status < 500


@dataclass(slots=True)
class Fault:
    """Something that was done to a server, in seconds of time.monotonic()."""

    name: str
    began: float
    ended: float = float("inf")

    def touches(self, answer: Answer) -> bool:
        return answer.ended >= self.began and answer.began <= self.ended + CALM_AFTER


@dataclass(slots=True)
class Record:
    """Of a run. Written by many threads."""

    began: float = field(default_factory=time.monotonic)
    answers: list[Answer] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)  # what actors did, by name
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """What was so far was only to warm up."""
        self.answers.clear()
        self.done.clear()
        self.began = time.monotonic()

    def answered(self, answer: Answer) -> None:
        with self._lock:
            self.answers.append(answer)

    def did(self, what: str, times: int = 1) -> None:
        with self._lock:
            self.done[what] += times

    def violation(self, what: str) -> None:
        """Something that must not be; the first VIOLATIONS_KEPT are kept."""
        with self._lock:
            if len(self.violations) < VIOLATIONS_KEPT:
                self.violations.append(f"at {self.now:.1f} s: {what}")

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    def disturbed_until(self) -> float:
        """When (epoch seconds) the last fault was over for everybody."""
        ended = max((fault.ended for fault in self.faults), default=self.began) + CALM_AFTER
        return time.time() - time.monotonic() + ended

    def in_fault(self, answer: Answer) -> bool:
        return any(fault.touches(answer) for fault in self.faults)

    def failed_by(self, fault: Fault, following: Fault | None) -> list[Answer]:
        """Bad answers between this fault's beginning and the next one's."""
        until = following.began if following else float("inf")
        return [a for a in self.answers if not a.good and fault.began <= a.ended < until]


def recovered_after(fault: Fault, failed: Sequence[Answer]) -> float:
    """Seconds from the fault's beginning to the end of the last answer that it made fail; 0 when none did."""
    return max((answer.ended - fault.began for answer in failed), default=0.0)
