"""What viewers do to items, as the indexes take it and as cards tell it."""

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


def votes(ids: Sequence[str], *, now: int) -> dict[str, list[HourlyVotes]]:
    """What counts in a ranking of `now` (epoch seconds), for up to 2,000 items; those without votes are left out.

    The hour under way belongs to it, and the next one, if another machine's clock is ahead. Cost: 1 SQL.
    """
    return counts.get_votes(ids, since=now - recipe.ENGAGEMENT_WINDOW, until=now + HOUR)


def tell(ids: Sequence[str]) -> int:
    """Let the cards of up to 2,000 items tell what was ever counted of them; returns how many changed.

    A failure is logged, not raised: the next rebuild does it again. Cost: 1 SQL, and what `items.set_counts` costs.
    """
    try:
        return items.set_counts({item: _told(totals) for item, totals in counts.get_totals(ids).items()})
    except DatabaseError:
        logger.warning("the counts of %d items are told at the next rebuild", len(ids), exc_info=True)
        return 0


def _told(totals: Totals) -> Counts:
    return Counts(
        likes=totals.get_count("like"), views=totals.get_count("view"), shares=totals.get_count("share")
    )
