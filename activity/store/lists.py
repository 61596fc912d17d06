"""The short lists that a person's document holds, edited the same way in every store. Pure."""

from collections.abc import Sequence

from activity.types import BLOCKED_BY_KEPT, BLOCKS_KEPT, LimitReached


def blocked(people: Sequence[str], uid: str, *, present: bool) -> list[str]:
    """Whom somebody blocks, oldest first. Raises LimitReached past BLOCKS_KEPT."""
    edited = _edited(people, uid, present=present)
    if len(edited) > BLOCKS_KEPT:
        raise LimitReached(f"more than {BLOCKS_KEPT} blocked people")
    return edited


def blocked_by(people: Sequence[str], uid: str, *, present: bool) -> list[str]:
    """Who blocks somebody: the newest BLOCKED_BY_KEPT. No number of them keeps one more from blocking."""
    return _edited(people, uid, present=present)[-BLOCKED_BY_KEPT:]


def _edited(people: Sequence[str], uid: str, *, present: bool) -> list[str]:
    if present and uid not in people:
        return [*people, uid]
    return list(people) if present else [other for other in people if other != uid]
