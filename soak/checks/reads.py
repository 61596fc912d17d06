"""The sessions of a history: which pages a viewer got, and in which span of time their plan was built. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from soak.history import History, Operation, Page


@dataclass(slots=True)
class Session:
    """The answered pages of one session, in the order in which they were requested.

    `start` is the earliest moment at which its plan may have read the viewer's timeline.
    """

    viewer: str
    feed_type: str
    name: str
    start: float
    pages: list[tuple[Operation, Page]] = field(default_factory=list)

    @property
    def end(self) -> float:
        return self.pages[-1][0].end

    @property
    def walk(self) -> list[tuple[Operation, Page]]:
        """The first answer to each cursor. A client that repeats a request continues from the first answer."""
        first: dict[str, tuple[Operation, Page]] = {}
        for operation, page in self.pages:
            first.setdefault(page.cursor, (operation, page))
        return list(first.values())

    @property
    def is_complete(self) -> bool:
        """Whether the pages reach from the first one to the last one."""
        walk = [page for _, page in self.walk]
        ends = [page.next_cursor for page in walk]
        return [page.cursor for page in walk] == ["", *ends[:-1]] and not ends[-1]


def find_sessions(history: History) -> list[Session]:
    """Return all sessions, ordered by their first page."""
    sessions: dict[tuple[str, str, str], Session] = {}
    firsts: dict[tuple[str, str], list[Operation]] = defaultdict(list)
    for operation in sorted(history.operations, key=lambda each: each.start):
        if operation.kind != "page":
            continue
        page, viewer, feed_type = operation.page, operation.actor, operation.subject
        if page is None or not page.cursor:
            firsts[viewer, feed_type].append(operation)
        if page is not None:
            key = (viewer, feed_type, page.session)
            if key not in sessions:
                start = _get_build_start(operation, firsts[viewer, feed_type])
                sessions[key] = Session(viewer, feed_type, page.session, start)
            sessions[key].pages.append((operation, page))
    return list(sessions.values())


def _get_build_start(operation: Operation, firsts: list[Operation]) -> float:
    """Return the earliest start of the requests for a first page that overlap this one.

    The server answers two concurrent requests with the plan of one of them.
    """
    return min(
        (other.start for other in reversed(firsts[-20:]) if other.effect_end >= operation.start),
        default=operation.start,
    )


def iterate_following(sessions: list[Session]) -> Iterator[Session]:
    """Return the sessions of the feed that shows all activities of followees, from their first page on."""
    for session in sessions:
        if session.feed_type == "following" and not session.pages[0][1].cursor:
            yield session
