"""The promise that counts lie between what was acknowledged and what was sent. Pure.

At least: the events that were acknowledged, without those of a loss window. At most: these, and the events of batches
that were never acknowledged. A batch that is sent again has the same events, and each counts once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from soak.checks.results import Result
from soak.history import Event, History, Operation

Cell = tuple[str, int, str]  # item, hour, kind
READ_SECONDS: Final = 10.0  # in which an event is read after it was sent; then it has a dedup key


def check_counts(history: History) -> Result:
    """Check the last stored counts of the history, if it has any, for the items of its catalogue."""
    result = Result("counts", "hourly counts of an item and a kind")
    stored = _get_stored(history.operations)
    if stored is None:
        return result
    counted = {(count.item, count.hour, count.kind): (count.events, count.seconds) for count in stored.counts}
    items = {item for items in history.items.values() for item in items}
    least, most = _get_bounds(history)
    actors = _get_actors(history.operations)
    for cell in sorted({*counted, *most}):
        if cell[0] not in items and cell not in counted:
            continue  # It became a dead letter.
        events, seconds = counted.get(cell, (0, 0))
        result.compared += 1
        low, high = least.get(cell, (0, 0)), most.get(cell, (0, 0))
        if not (low[0] <= events <= high[0] and low[1] <= seconds <= high[1]):
            result.add(
                f"{cell}: {events} of {low} to {high}",
                f"{cell}: {events} events, {seconds} s are counted, but {low[0]} to {high[0]} events, "
                f"{low[1]} to {high[1]} s were accepted",
                at=stored.start,
                actors=frozenset(actors[cell]),
            )
    return result


def is_surely_stored(event: Event, acknowledged: Iterable[float], history: History) -> bool:
    """Return whether an answer outside every loss window acknowledged the event."""
    return any(not any(fault.may_lose(at) for fault in history.faults) for at in acknowledged)


def _get_bounds(history: History) -> tuple[Mapping[Cell, tuple[int, int]], Mapping[Cell, tuple[int, int]]]:
    """Return the least and the greatest (events, seconds) of each cell."""
    acknowledged: dict[tuple[str, Event], list[float]] = defaultdict(list)
    for operation in history.operations:
        if operation.kind == "report" and not operation.is_refused:
            for event in operation.events:
                answers = acknowledged[operation.actor, event]
                if operation.is_ok:
                    answers.append(operation.end)
    sent = _get_sent(history.operations)
    twice = [event for (_, event), requests in sent.items() if _may_count_twice(history, requests)]
    least = [event for (_, event), at in acknowledged.items() if is_surely_stored(event, at, history)]
    return _count(least), _count([*(event for _, event in acknowledged), *twice])


def _get_sent(operations: Iterable[Operation]) -> Mapping[tuple[str, Event], list[Operation]]:
    """Return the requests with each event, by actor and event."""
    sent: dict[tuple[str, Event], list[Operation]] = defaultdict(list)
    for operation in operations:
        if operation.kind == "report" and not operation.is_refused:
            for event in operation.events:
                sent[operation.actor, event].append(operation)
    return sent


def _may_count_twice(history: History, sent: list[Operation]) -> bool:
    """Return whether an event was sent again after Redis may have lost its dedup key."""
    first, last = min(each.start for each in sent), max(each.end for each in sent)
    return len(sent) > 1 and any(
        fault.loses_since is not None
        and fault.loses_since - READ_SECONDS <= first <= fault.end
        and last >= fault.loses_since
        for fault in history.faults
    )


def _count(events: Iterable[Event]) -> dict[Cell, tuple[int, int]]:
    numbers: Counter[Cell] = Counter()
    seconds: Counter[Cell] = Counter()
    for event in events:
        cell = (event.item, event.hour, event.kind)
        numbers[cell] += 1
        seconds[cell] += event.seconds
    return {cell: (number, seconds[cell]) for cell, number in numbers.items()}


def _get_stored(operations: Iterable[Operation]) -> Operation | None:
    return max(
        (operation for operation in operations if operation.kind == "count"),
        key=lambda operation: operation.start,
        default=None,
    )


def _get_actors(operations: Iterable[Operation]) -> Mapping[Cell, set[str]]:
    actors: dict[Cell, set[str]] = defaultdict(set)
    for operation in operations:
        for event in operation.events:
            actors[event.item, event.hour, event.kind].add(operation.actor)
    return actors
