"""Compute the expected timelines with an independent model, in plain Python."""

from activity.types import Relation

ExpectedActivity = tuple[int, str | None, bool, int | None]  # at, status, favourite, rating
Pair = tuple[str, str]
RELATIONS = (
    Relation(favorite=True),
    Relation("finished"),
    Relation("watching"),
    Relation("watchlist"),
    Relation(rating=5),
    Relation(rating=1),
    Relation("finished", True, 4),
)


class ExpectedTimelines:
    """A simple model of follows, blocks, activities and timelines."""

    def __init__(self) -> None:
        self.follows: set[Pair] = set()
        self.blocks: set[Pair] = set()
        self.activities: dict[Pair, tuple[Relation, int]] = {}
        self.published: set[str] = set()

    def set_relation(self, uid: str, title: str, relation: Relation, now: int) -> None:
        before, at = self.activities.get((uid, title), (Relation(), -1))
        if relation == before:
            return
        only_rated = (relation.status, relation.favorite) == (before.status, before.favorite)
        if only_rated and not before.is_empty and not relation.is_empty:
            self.activities[uid, title] = relation, at
        else:
            # After an undo, an activity is at least a second later, because the undo hides rows up to its time.
            self.activities[uid, title] = relation, max(now, at + before.is_empty)

    def is_blocked(self, one: str, other: str) -> bool:
        return (one, other) in self.blocks or (other, one) in self.blocks

    def timeline(self, viewer: str) -> dict[Pair, ExpectedActivity]:
        """Return the activities of the viewer's followees: (author, title) → activity."""
        return {
            (author, title): (at, relation.status, relation.favorite, relation.rating)
            for (author, title), (relation, at) in self.activities.items()
            if (viewer, author) in self.follows and not relation.is_empty
        }

    def entries(self, viewer: str) -> list[tuple[str, list[str]]]:
        """Return (title, supporters) pairs. Titles and supporters are ordered newest first."""
        rows: dict[str, list[tuple[int, str]]] = {}
        for (author, title), (at, *_) in self.timeline(viewer).items():
            rows.setdefault(title, []).append((-at, author))
        grouped = [(title, sorted(supporters)) for title, supporters in rows.items()]
        grouped.sort(key=lambda entry: (entry[1][0][0], entry[0]))
        return [(title, [author for _, author in supporters]) for title, supporters in grouped]
