"""Two promises about likes, from what `following` feeds showed. Pure.

A like that was answered is in the feed of every follower from `visible_within` seconds after its answer and after the
end of the last fault. An activity that was undone, or whose author was unfollowed or blocked, is in no feed whose plan
was built after the answer. "Like" stands for every activity: a status, a favourite or a rating.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from soak.checks.reads import Session, find_sessions, iterate_following
from soak.checks.registers import World
from soak.checks.results import Result
from soak.history import History, Operation, Page

VISIBLE_WITHIN: Final = 10.0
MAX_TITLES: Final = 400  # A feed shows the newest ones only, ...
MAX_AUTHORS: Final = 20  # ... and an item names so many authors.
# A title whose item staff changed in the seconds before is not compared: a card that a fault left stale is written by a
# sweep, which runs every minute.
SETTLING_SECONDS: Final = 120.0


@dataclass(slots=True)
class _Read:
    """A complete session: what it showed, and the span in which its plan read the timeline."""

    session: Session
    authors: dict[str, set[str]]  # by title

    @property
    def viewer(self) -> str:
        return self.session.viewer

    @property
    def start(self) -> float:
        return self.session.start

    @property
    def end(self) -> float:
        return self.session.end

    def shows(self, author: str, title: str) -> bool:
        """Return whether the session showed the activity, or could not for its length."""
        shown = self.authors.get(title, set())
        return author in shown or len(shown) >= MAX_AUTHORS


def check_visible(history: History, *, visible_within: float = VISIBLE_WITHIN) -> Result:
    """Check that likes appear: in every complete session without a fault in the seconds before it."""
    result = Result("visible", "activities in followers' reads, 10 s after like, follow and fault")
    world = World(history)
    for read in _find_complete_reads(history):
        since = read.start - get_bound(history, read.start, visible_within)
        if len(read.authors) >= MAX_TITLES or any(f.overlaps(since, read.end) for f in history.faults):
            continue
        for author, title in _find_expected(world, read.viewer, since, read.end):
            result.compared += 1
            if not read.shows(author, title):
                result.add(
                    f"{read.viewer}/{author}/{title}",
                    f"{read.viewer} does not see {title} of {author} in session {read.session.name}, "
                    f"{read.start - since:.1f} s after all changes and faults",
                    at=read.start,
                    actors=frozenset((read.viewer, author)),
                )
    return result


def check_hidden(history: History) -> Result:
    """Check that no session shows what was taken back before it was requested.

    What was taken back in a loss window may return until `VISIBLE_WITHIN` after the fault.
    """
    result = Result("hidden", "undone activities in followers' reads")
    world = World(history)
    for session in iterate_following(find_sessions(history)):
        result.compared += sum(1 for _ in _find_undone(world, session))
        since = _get_kept_time(history, session.start)
        for operation, page in session.pages:
            _check_page(world, session, operation, page, since, result)
    return result


def get_bound(history: History, at: float, seconds: float) -> float:
    """Return the time before `at` in which the servers had their processors for this number of seconds."""
    bound = seconds
    for stall in reversed(history.stalls):
        if stall.end < at - bound:
            break
        if stall.start <= at:
            bound += stall.seconds
    return bound


def _get_kept_time(history: History, at: float) -> float:
    """Return the time up to which acknowledged changes are certainly in effect at `at`."""
    bound = get_bound(history, at, VISIBLE_WITHIN)
    lost = (
        fault.loses_since
        for fault in history.faults
        if fault.loses_since is not None and fault.overlaps(at - bound, at)
    )
    return min([at, *lost])  # a fault may begin before its loss window


def _find_complete_reads(history: History) -> Iterator[_Read]:
    for session in iterate_following(find_sessions(history)):
        if session.is_complete:
            authors: dict[str, set[str]] = {}
            for _, page in session.walk:
                for shown in page.shown:
                    authors.setdefault(shown.title, set()).update(shown.authors)
            yield _Read(session, authors)


def _find_expected(world: World, viewer: str, start: float, end: float) -> Iterator[tuple[str, str]]:
    """Return (author, title) of all activities that the viewer must see in this span."""
    for author, edge in world.edges.get(viewer, {}).items():
        if edge.is_surely(True, start, end):
            for title, relation in world.relations.get(author, {}).items():
                if relation.is_surely(True, start, end) and world.is_shown(
                    title, start - SETTLING_SECONDS, end
                ):
                    yield author, title


def _find_undone(world: World, session: Session) -> Iterator[tuple[str, str]]:
    """Return (author, title) of what the session would show if it had not been undone."""
    start, end = session.start, session.pages[0][0].end
    for author, edge in world.edges.get(session.viewer, {}).items():
        if edge.is_surely(True, start, end):
            for title, relation in world.relations.get(author, {}).items():
                if relation.is_surely(False, start, end) and len(relation.writes) > 1:
                    yield author, title


def _check_page(
    world: World, session: Session, operation: Operation, page: Page, start: float, result: Result
) -> None:
    """Add what the page shows although its author took it back before `start`, or the viewer left the author."""
    end = operation.end
    for shown in page.shown:
        for author in shown.authors:
            registers = (
                world.find_edge(session.viewer, author),
                world.find_relation(author, shown.title),
            )
            for register, what in zip(registers, ("follow", "activity"), strict=True):
                if register is None or register.is_surely(False, start, end):
                    cause = register.get_cause(start, end) if register else "never"
                    result.add(
                        f"{session.viewer}/{author}/{shown.title}/{what} {cause}",
                        f"{session.viewer} sees {shown.title} of {author} in session {session.name}, "
                        f"but before it was requested: {what} {cause}",
                        at=operation.start,
                        actors=frozenset((session.viewer, author)),
                    )
                    break
