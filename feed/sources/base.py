"""The request that every source receives, and functions that several sources share."""

from dataclasses import dataclass

from activity.types import Profile
from core.deadlines import remaining_optional
from feed import recipe
from feed.indexes import IndexPointer


@dataclass(frozen=True, slots=True)
class RecallRequest:
    """The viewer and the indexes that sources read. `now` is epoch seconds.

    `depth` is the number of candidates that filters may drop; a source fetches that many more than its fetch limit. If
    filters leave a chunk short, the build tries again: each retry raises `depth` and multiplies the rank limits by
    `DEPTH_FACTOR` (4) of `feed/building.py`, for `MAX_ROUNDS` attempts in all.
    """

    viewer: Profile
    index_pointer: IndexPointer | None
    depth: int
    now: int


class BudgetSpent(Exception):
    """The optional budget, which all sources share, is spent."""


def check_budget() -> None:
    """Raise BudgetSpent if the optional budget is spent. A source calls this before it makes further calls."""
    if remaining_optional() < 0:
        raise BudgetSpent


def clamp(score: float) -> float:
    """Return an index score as a source's score: a staff boost can move it out of 0 to 1."""
    return score if 0.0 <= score <= 1.0 else max(0.0, min(score, 1.0))


def is_index_exhausted(found: int, limit: int) -> bool:
    """Return whether an index holds no more than was found: `limit` entries were read, and an index has a cap."""
    return found < limit or limit >= recipe.MAX_INDEX_ITEMS
