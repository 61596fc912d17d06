"""Read the counts of items."""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from analytics.models import Count
from analytics.types import EventKind, HourlyVotes, Totals
from core.sql.json_rows import in_values


def get_totals(items: Sequence[str]) -> dict[str, Totals]:
    """Return the all-time counts of up to 2,000 items, without items that have no events. Cost: 1 SQL."""
    events_by_item: dict[str, dict[str, int]] = defaultdict(dict)
    rows = Count.objects.filter(item__in=in_values(items), period=Count.Period.TOTAL, period_start=0)
    for item, kind, events in rows.values_list("item", "kind", "events"):
        events_by_item[item][kind] = events
    return {item: Totals(events) for item, events in events_by_item.items()}


def get_votes(items: Sequence[str], *, since: int, until: int) -> dict[str, list[HourlyVotes]]:
    """Return the votes of up to 2,000 items, ordered by hour and kind, without items that have no votes.

    Includes the hours that begin at `since` or later and before `until` (epoch seconds). A viewer has one vote for an
    item in each hour of arrival: the strongest of their events. Cost: 1 SQL.
    """
    votes_by_item: dict[str, list[HourlyVotes]] = defaultdict(list)
    rows = Count.objects.filter(
        item__in=in_values(items),
        period=Count.Period.HOUR,
        period_start__gte=since,
        period_start__lt=until,
    )
    columns = ("item", "period_start", "kind", "votes")
    for item, hour, kind, votes in rows.exclude(votes=0).values_list(*columns):
        votes_by_item[item].append(HourlyVotes(hour, cast(EventKind, kind), votes))
    return {item: sorted(votes) for item, votes in votes_by_item.items()}
