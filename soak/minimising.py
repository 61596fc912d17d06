"""Reduce a history to the operations that show one violation, and print them as a table.

Delta debugging (ddmin, Zeller and Hildebrandt): drop a part of the operations as long as the same check still finds
the same violation, in smaller and smaller parts.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from soak.checks import CHECKS
from soak.checks.results import Violation
from soak.history import Fault, History, Operation

SECONDS: Final = 20.0  # Time for one violation. The result is then what was reached.
MAX_LINES: Final = 40
FAULTS_BEFORE: Final = 30.0  # Faults that ended longer before the violation are left out of the table.

Clock = Callable[[], float]


def minimise(
    history: History, violation: Violation, *, seconds: float = SECONDS, clock: Clock = time.monotonic
) -> list[Operation]:
    """Return operations that are enough for this violation, in their order.

    Without a timeout none of them can be left out.
    """
    check, deadline = CHECKS[violation.promise], clock() + seconds

    def still_fails(operations: Sequence[Operation]) -> bool:
        result = check(history.with_operations(operations))
        return any(each.key == violation.key for each in result.violations)

    operations = _keep_actors(history, violation, still_fails)
    parts = 2
    while len(operations) > 1 and clock() < deadline:
        size = max(len(operations) // parts, 1)
        shorter = _drop_parts(operations, size, still_fails, lambda: clock() < deadline)
        if len(shorter) == len(operations) and size == 1:
            break
        parts = 2 * parts if len(shorter) == len(operations) else max(parts - 1, 2)
        operations = shorter
    return operations


def format_table(history: History, violation: Violation, operations: Sequence[Operation]) -> Iterator[str]:
    """Return the lines of a table of operations and faults, with times in seconds since the start of the run."""
    end = max((operation.end for operation in operations), default=violation.at)
    faults = [
        fault for fault in history.faults if fault.end >= violation.at - FAULTS_BEFORE and fault.start <= end
    ]
    rows = sorted(
        [
            *((each.start, each.end, "fault", _describe_fault(each)) for each in faults),
            *((each.start, each.end, each.actor, _describe(each, violation)) for each in operations),
        ]
    )
    yield f"{violation.description} ({len(operations)} of {len(history.operations)} operations are enough)"
    for start, end, who, what in rows[:MAX_LINES]:
        yield f"  {start - history.start:8.2f} to {end - history.start:8.2f} s  {who:10}  {what}"
    if len(rows) > MAX_LINES:
        yield f"  … and {len(rows) - MAX_LINES} more"


def _keep_actors(
    history: History, violation: Violation, still_fails: Callable[[Sequence[Operation]], bool]
) -> list[Operation]:
    """Keep the operations of the violation's people, and the reads of stored data, if they are enough."""
    own = [
        operation
        for operation in history.operations
        if operation.actor in violation.actors or operation.kind == "count"
    ]
    return own if still_fails(own) else list(history.operations)


def _drop_parts(
    operations: list[Operation],
    size: int,
    still_fails: Callable[[Sequence[Operation]], bool],
    has_time: Callable[[], bool],
) -> list[Operation]:
    """Drop each part of this size that is not needed."""
    index = 0
    while index < len(operations) and has_time():
        rest = operations[:index] + operations[index + size :]
        if still_fails(rest):
            operations = rest
        else:
            index += size
    return operations


def _describe_fault(fault: Fault) -> str:
    if fault.loses_since is None:
        return fault.name
    return (
        f"{fault.name}; what was acknowledged in the {fault.end - fault.loses_since:.1f} s before may be lost"
    )


def _describe(operation: Operation, violation: Violation) -> str:
    answer = str(operation.status) if operation.is_answered else "no answer"
    return f"{_describe_request(operation, violation)}: {answer}"


def _describe_request(operation: Operation, violation: Violation) -> str:
    match operation.kind:
        case "relate":
            return f"{'relates to' if operation.present else 'undoes'} {operation.subject}"
        case "page":
            return f"reads {operation.subject}{_describe_page(operation, violation)}"
        case "report":
            return f"reports {len(operation.events)} events"
        case "count":
            return f"{len(operation.counts)} stored counts"
        case kind:
            return f"{kind}s {operation.subject}"


def _describe_page(operation: Operation, violation: Violation) -> str:
    """Return which items of the page the violation is about, or how many the page has."""
    if operation.page is None:
        return ""
    named = [
        f"{shown.item} of {', '.join(shown.authors)}" if shown.authors else shown.item
        for shown in operation.page.shown
        if shown.item in violation.key or (shown.title and shown.title in violation.key)
    ]
    found = "; ".join(named) or f"none of its {len(operation.page.shown)} items is the one"
    return f" (session {operation.page.session}, {found})"
