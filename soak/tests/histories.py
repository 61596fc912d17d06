"""Short ways to write a history by hand. Each operation takes 0.1 s unless a test says otherwise."""

from collections.abc import Mapping, Sequence
from typing import Any

from soak.checks import CHECKS
from soak.checks.results import Violation
from soak.history import Count, Event, Fault, History, Kind, Operation, Page, Shown

DURATION = 0.1
HOUR = 1_795_000_800


def operation(actor: str, kind: Kind, subject: str, at: float, **values: Any) -> Operation:
    return Operation(actor, kind, subject, at, at + DURATION, **values)


def like(author: str, title: str, at: float, **values: Any) -> Operation:
    return operation(author, "relate", title, at, **values)


def undo(author: str, title: str, at: float, **values: Any) -> Operation:
    return operation(author, "relate", title, at, present=False, **values)


def read(
    viewer: str,
    at: float,
    shown: Mapping[str, Sequence[str]],
    *,
    feed_type: str = "following",
    **values: Any,
) -> Operation:
    """Return a page with these titles and the authors of each. It is the only one of its session by default."""
    items = tuple(Shown(f"item of {title}", title, tuple(authors)) for title, authors in shown.items())
    page = Page(**{"session": f"session {at}", "shown": items, **values})
    return operation(viewer, "page", feed_type, at, page=page)


def report(viewer: str, at: float, *identities: str, **values: Any) -> Operation:
    events = tuple(Event(identity, "film-1", HOUR, "view", 3) for identity in identities)
    return operation(viewer, "report", "", at, events=events, **values)


def counted(number: int, at: float = 100.0) -> Operation:
    return operation("check", "count", "", at, counts=(Count("film-1", HOUR, "view", number, 3 * number),))


def violations(promise: str, *operations: Operation, faults: Sequence[Fault] = ()) -> list[Violation]:
    return CHECKS[promise](make_history(*operations, faults=faults)).violations


def compared(promise: str, *operations: Operation, faults: Sequence[Fault] = ()) -> int:
    return CHECKS[promise](make_history(*operations, faults=faults)).compared


def make_history(*operations: Operation, faults: Sequence[Fault] = ()) -> History:
    return History(list(operations), faults=list(faults), items={"title": ["film-1"]})
