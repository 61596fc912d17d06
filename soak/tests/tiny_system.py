"""A tiny model of the service, with clients, that records histories. It can have a bug.

Clients overlap, requests get no answer, and a change reaches feeds late, as it may in the real service.
"""

import random
from collections import Counter
from typing import Literal

from soak.history import LATE_SECONDS, Count, Event, Fault, History, Kind, Operation, Page, Shown

Bug = Literal["", "skips a follower", "ignores an undo", "counts twice", "repeats an item", "loses an event"]
PEOPLE = ("ama", "kofi", "mei")
TITLES = ("movie:1", "movie:2")
ITEMS = {title: [f"film {title}"] for title in TITLES}
LATE = 8.0  # Seconds in which a change reaches all feeds
PAUSE = 1.1  # Seconds after which two operations do not overlap
HOUR = 3_600


class TinySystem:
    """Each person's client runs one request after another; requests of several people overlap."""

    def __init__(self, seed: int, bug: Bug = "") -> None:
        self.rng, self.bug = random.Random(seed), bug
        self.history = History([], items=ITEMS, seed=seed)
        self.likes: dict[tuple[str, str], float] = {}  # (author, title) → time from which feeds show it
        self.follows: dict[tuple[str, str], float] = {}
        self.counted: Counter[str] = Counter()
        self.now = 0.0

    def run(self, operations: int = 60) -> History:
        """Let clients act, wait until everything must be visible, and read everything."""
        for number in range(operations):
            self.now += self.rng.uniform(0.05, 1.0)
            self._act(self.rng.choice(PEOPLE), number)
        self.now += 2 * LATE_SECONDS  # What had no answer takes no effect any more.
        for author, viewer in (("ama", "kofi"), ("kofi", "ama")):
            last: list[tuple[Kind, str, str, bool]] = [
                ("follow", viewer, author, True),
                ("relate", author, "movie:1", True),
                ("relate", author, "movie:2", True),
                ("relate", author, "movie:2", False),
            ]
            for kind, actor, subject, present in last:
                self.now += PAUSE
                self._change(actor, kind, subject, present=present, is_answered=True)
            self._report(viewer, f"last of {viewer}", "movie:2", is_answered=True)
        self.now += 12.0
        for person in PEOPLE:
            self._read(person)
        counts = tuple(Count(item, HOUR, "view", number, 0) for item, number in sorted(self.counted.items()))
        self._add("check", "count", "", counts=counts)
        return self.history

    def _act(self, person: str, number: int) -> None:
        is_answered = self.rng.random() < 0.9
        match self.rng.randrange(7):
            case 0:
                self._change(person, "follow", self._other(person), is_answered=is_answered)
            case 1:
                self._change(person, "unfollow", self._other(person), is_answered=is_answered)
            case 2:
                self._change(person, "block", self._other(person), is_answered=is_answered)
            case 3 | 4:
                present, title = self.rng.random() < 0.7, self.rng.choice(TITLES)
                self._change(person, "relate", title, present=present, is_answered=is_answered)
            case 5:
                self._report(person, f"event {number}", "movie:1", is_answered=is_answered)
            case _:
                self._read(person)

    def _change(
        self, person: str, kind: Kind, subject: str, *, is_answered: bool, present: bool = True
    ) -> None:
        """Change something at the time `now`; without an answer, it may have no effect."""
        if is_answered or self.rng.random() < 0.5:
            visible_at = self.now + self.rng.uniform(0, LATE)
            if kind == "relate" and present:
                self.likes.setdefault((person, subject), visible_at)
            elif kind == "relate" and self.bug != "ignores an undo":
                self.likes.pop((person, subject), None)
            elif kind == "follow":
                self.follows.setdefault((person, subject), visible_at)
            elif kind in {"unfollow", "block"}:
                self.follows.pop((person, subject), None)
            if kind == "block":
                self.follows.pop((subject, person), None)
        self._add(person, kind, subject, status=200 if is_answered else 0, present=present)

    def _report(self, person: str, identity: str, title: str, *, is_answered: bool) -> None:
        """Report an event. Without an answer, it may have been counted."""
        item = ITEMS[title][0]
        events = (Event(identity, item, HOUR, "view"),)
        arrived = is_answered or self.rng.random() < 0.5
        self.counted[item] += (2 if self.bug == "counts twice" else 1) * arrived
        self.counted[item] -= self.bug == "loses an event" and identity == "last of ama"
        self._add(person, "report", "", status=200 if is_answered else 0, events=events)

    def _read(self, viewer: str) -> None:
        """Read a feed in pages of one item."""
        shown = []
        for title in TITLES:
            authors = tuple(author for author in PEOPLE if self._shows(viewer, author, title))
            shown += [Shown(ITEMS[title][0], title, authors)] if authors else []
        if self.bug == "repeats an item":
            shown += shown[:1]
        session = f"{viewer} at {self.now:.2f}"
        for number in range(max(len(shown), 1)):
            cursor, following = (str(number) if number else ""), str(number + 1)
            next_cursor = following if number + 1 < len(shown) else ""
            page = Page(session, tuple(shown[number : number + 1]), cursor, next_cursor)
            self._add(viewer, "page", "following", page=page)
            self.now += PAUSE

    def _shows(self, viewer: str, author: str, title: str) -> bool:
        if self.bug == "skips a follower" and viewer == "ama":
            return False
        follow, like = self.follows.get((viewer, author)), self.likes.get((author, title))
        return follow is not None and like is not None and max(follow, like) <= self.now

    def _other(self, person: str) -> str:
        return self.rng.choice([other for other in PEOPLE if other != person])

    def _add(self, person: str, kind: Kind, subject: str, **values: object) -> None:
        """Record an operation around `now`: it began before its effect and ended after it."""
        start, end = self.now - self.rng.uniform(0, 0.5), self.now + self.rng.uniform(0, 0.5)
        self.history.operations.append(Operation(person, kind, subject, start, end, **values))  # type: ignore[arg-type]


def make_faulty(history: History, seed: int) -> History:
    """Return the history with faults at random times."""
    rng, end = random.Random(seed), max(operation.end for operation in history.operations)
    starts = [rng.uniform(0, end) for _ in range(3)]
    history.faults = [Fault("Redis paused", start, start + 1) for start in starts]
    return history
