"""Promises about single answers: documented ones, one for every request, no failure without a fault. Pure."""

from typing import Final

from soak.checks.results import Result
from soak.history import History, Operation

# Seconds after the end of a fault in which operations may still fail: circuit breakers are open, servers start.
RECOVERY_SECONDS: Final = 6.0
WEB_KILLED: Final = "web process killed"  # The only fault after which a request may have no answer.
PHONE_TIMEOUT: Final = 15.0  # Seconds that a phone waits for an answer; the app has the same timeout.


def check_answers(history: History) -> Result:
    """Check each answer against docs/openapi.yaml, and that a request has one unless a web process was killed."""
    result = Result("documented answers", "operations")
    for operation in _iterate_requests(history):
        result.compared += 1
        if operation.problem and (operation.is_answered or not _was_web_killed(history, operation)):
            _add(result, operation, operation.problem)
    return result


def check_availability(history: History) -> Result:
    """Check that operations outside of faults succeed, unless the servers waited for processors most of the time."""
    result = Result("no failure without a fault", "operations outside of faults")
    for operation in _iterate_requests(history):
        if is_affected(history, operation):
            continue
        if operation.is_failed and _is_starved(history, operation):
            result.excused += 1
            continue
        result.compared += 1
        if operation.is_failed:
            _add(result, operation, f"failed ({operation.status}) without a fault")
    return result


def is_affected(history: History, operation: Operation) -> bool:
    """Return whether a fault may have affected the operation."""
    start = operation.start - RECOVERY_SECONDS
    return any(fault.overlaps(start, operation.end) for fault in history.faults)


def _is_starved(history: History, operation: Operation) -> bool:
    start = operation.start - RECOVERY_SECONDS
    return any(stall.is_heavy and stall.overlaps(start, operation.end) for stall in history.stalls)


def _iterate_requests(history: History) -> list[Operation]:
    return [operation for operation in history.operations if operation.endpoint]


def _was_web_killed(history: History, operation: Operation) -> bool:
    return any(
        fault.name == WEB_KILLED and 0 <= operation.end - fault.start < PHONE_TIMEOUT
        for fault in history.faults
    )


def _add(result: Result, operation: Operation, description: str) -> None:
    result.add(
        f"{operation.endpoint}/{operation.actor}/{operation.start}",
        f"{operation.endpoint} of {operation.actor}: {description}",
        at=operation.start,
        actors=frozenset((operation.actor,)),
    )
