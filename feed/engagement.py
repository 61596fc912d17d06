"""Viewers' reactions to items: votes for the indexes, and counts for the cards."""

import logging
from collections.abc import Sequence

from django.db import DatabaseError

from analytics.services import counts
from analytics.types import HourlyVotes, Totals
from content.services import items
from content.types import Counts
from core.units import HOUR
from feed import recipe

logger = logging.getLogger(__name__)


def get_votes(ids: Sequence[str], *, now: int) -> dict[str, list[HourlyVotes]]:
    """Return the votes that count in a ranking at `now` (epoch seconds), for up to 2,000 items.

    Items without votes are left out. The current hour's votes are included, and those of the next hour, in case another
    machine's clock is ahead. Cost: 1 SQL query.
    """
    return counts.get_votes(ids, since=now - recipe.ENGAGEMENT_WINDOW, until=now + HOUR)


def push_counts(ids: Sequence[str]) -> int:
    """Write the total counts of up to 2,000 items to their cards; return how many changed.

    If the database is unavailable, this logs a warning: the next index rebuild pushes the counts again.
    Cost: 1 SQL query, and the cost of `items.set_counts`.
    """
    try:
        return items.set_counts({item: _to_counts(totals) for item, totals in counts.get_totals(ids).items()})
    except DatabaseError:
        logger.warning(
            "database unavailable: counts of %d items not pushed; retry at the next index rebuild",
            len(ids),
            exc_info=True,
        )
        return 0


def _to_counts(totals: Totals) -> Counts:
    return Counts(
        likes=totals.get_count("like"), views=totals.get_count("view"), shares=totals.get_count("share")
    )
