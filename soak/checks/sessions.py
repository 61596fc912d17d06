"""Two promises: a session never repeats an item, and the same cursor gives the same page. Pure."""

from soak.checks.reads import Session, find_sessions
from soak.checks.registers import World
from soak.checks.results import Result
from soak.history import History, Operation, Page


def check_sessions(history: History) -> Result:
    """Check all sessions. After a page that reported the loss of the served list, items may repeat."""
    result = Result("no repeats", "items of pages against the earlier pages of their session")
    for session in find_sessions(history):
        served: dict[str, int] = {}
        has_lost_served = False
        for number, (operation, page) in enumerate(session.walk, start=1):
            has_lost_served = has_lost_served or page.lost_served
            for shown in page.shown:
                if shown.item in served and not has_lost_served:
                    _add_repeat(result, session, operation, shown.item, served[shown.item], number)
                served[shown.item] = number
            result.compared += len(page.shown) if number > 1 else 0
    return result


def check_same_pages(history: History) -> Result:
    """Check that two answers to one cursor have the same items.

    They may differ if staff changed one of the items meanwhile, or the plan was lost.
    """
    result = Result("same page", "pages requested again with the same cursor")
    world = World(history)
    for session in find_sessions(history):
        first: dict[str, tuple[Operation, Page]] = {}
        for operation, page in session.pages:
            if page.cursor not in first:
                first[page.cursor] = (operation, page)
                continue
            before, original = first[page.cursor]
            items, others = ([shown.item for shown in each.shown] for each in (original, page))
            if page.is_rebuilt or original.is_rebuilt or not page.cursor:
                continue
            if any(world.is_item_changed(item, before.start, operation.end) for item in {*items, *others}):
                continue
            result.compared += 1
            if items != others:
                result.add(
                    f"{session.viewer}/{session.name}/{page.cursor}",
                    f"session {session.name} of {session.viewer}: {items} and then {others} for one cursor",
                    at=operation.start,
                    actors=frozenset((session.viewer,)),
                )
    return result


def _add_repeat(
    result: Result, session: Session, operation: Operation, item: str, before: int, number: int
) -> None:
    result.add(
        f"{session.viewer}/{session.name}/{item}",
        f"{session.feed_type} of {session.viewer}, session {session.name}: {item} of page {before} "
        f"was served again on page {number}",
        at=operation.start,
        actors=frozenset((session.viewer,)),
    )
