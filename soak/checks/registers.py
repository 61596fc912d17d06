"""What a value may be while operations overlap or have no answer. Pure.

A register is one yes-or-no fact that operations set: a relation, a follow edge, whether an item is published. An
operation takes effect at an unknown moment between its start and its end; one that failed may have none at all.
"""

from collections import defaultdict
from typing import Final, NamedTuple

from soak.history import History, Operation


class Write(NamedTuple):
    """A write. `is_certain` is False if it may have had no effect. `cause` names it in a violation."""

    start: float
    end: float
    value: bool
    is_certain: bool
    cause: str


_EVER: Final = float("-inf")


class Register:
    """All writes of one register. The first one is its initial value."""

    def __init__(self, initial: bool = False) -> None:
        self.writes = [Write(_EVER, _EVER, initial, True, "never")]

    def add(self, operation: Operation, value: bool, cause: str) -> None:
        if not operation.is_refused:
            self.writes.append(Write(operation.start, operation.effect_end, value, operation.is_ok, cause))

    def get_possible(self, start: float, end: float) -> list[Write]:
        """Return the writes whose value may hold at some moment from `start` to `end`.

        A write is overwritten at `start` if a certain one that began after it had ended by then.
        """
        last = max(write.start for write in self.writes if write.is_certain and write.end <= start)
        return [write for write in self.writes if write.start <= end and write.end >= last]

    def is_surely(self, value: bool, start: float, end: float) -> bool:
        """Return whether the register certainly had this value all the time."""
        return all(write.value is value for write in self.get_possible(start, end))

    def get_cause(self, start: float, end: float) -> str:
        """Return the cause of the newest value, or "never" if the register was never true before."""
        newest = self.get_possible(start, end)[-1]
        was_true = any(write.value for write in self.writes if write.start <= newest.start)
        return newest.cause if was_true else "never"

    def is_written(self, start: float, end: float) -> bool:
        """Return whether a write may have taken effect in this span."""
        return any(write.start <= end and write.end >= start for write in self.writes[1:])


class World:
    """The registers that a history writes: relations by author, follow edges by follower, and items."""

    def __init__(self, history: History) -> None:
        self.relations: dict[str, dict[str, Register]] = defaultdict(lambda: defaultdict(Register))
        self.edges: dict[str, dict[str, Register]] = defaultdict(lambda: defaultdict(Register))
        self._items: dict[str, Register] = defaultdict(lambda: Register(initial=True))
        self._items_by_title = history.items
        for operation in sorted(history.operations, key=lambda each: each.start):
            self._add(operation)

    def is_shown(self, title: str, start: float, end: float) -> bool:
        """Return whether a title certainly has a published item, and staff changed none of its items meanwhile."""
        items = [self._items[item] for item in self._items_by_title.get(title, ()) if item in self._items]
        if not items:
            return True  # Staff never changed an item of it.
        if any(item.is_written(start, end) for item in items):
            return False
        untouched = len(items) < len(self._items_by_title[title])
        return untouched or any(item.is_surely(True, start, end) for item in items)

    def is_item_changed(self, item: str, start: float, end: float) -> bool:
        """Return whether staff may have published or unpublished an item in this span."""
        return item in self._items and self._items[item].is_written(start, end)

    def find_edge(self, follower: str, followee: str) -> Register | None:
        return self.edges.get(follower, {}).get(followee)

    def find_relation(self, author: str, title: str) -> Register | None:
        return self.relations.get(author, {}).get(title)

    def _add(self, operation: Operation) -> None:
        actor, subject = operation.actor, operation.subject
        match operation.kind:
            case "relate":
                cause = "liked" if operation.present else "undone"
                self.relations[actor][subject].add(operation, operation.present, cause)
            case "follow" | "unfollow":
                is_follow = operation.kind == "follow"
                self.edges[actor][subject].add(operation, is_follow, f"{operation.kind}ed")
            case "block":
                for follower, followee in ((actor, subject), (subject, actor)):
                    self.edges[follower][followee].add(operation, False, "blocked")
            case "publish" | "unpublish":
                self._items[subject].add(operation, operation.kind == "publish", operation.kind)
            case _:
                pass
