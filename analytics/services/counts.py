"""What was counted, for whoever ranks or shows items."""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from analytics.models import Count
from analytics.types import Kind, Totals, Votes
from core.sql.json_rows import in_values


def totals(items: Sequence[str]) -> dict[str, Totals]:
    """What was ever done to those of up to 2,000 items that anything was done to. Cost: 1 SQL."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    there = Count.objects.filter(item__in=in_values(items), span=Count.Span.TOTAL, start=0)
    for item, kind, events in there.values_list("item", "kind", "events"):
        found[item][kind] = events
    return {item: Totals(events) for item, events in found.items()}


def votes(items: Sequence[str], *, since: int, until: int) -> dict[str, list[Votes]]:
    """The votes of up to 2,000 items in the hours that begin from `since` to before `until` (epoch seconds), in
    order of hour and kind; items without any are left out.

    A viewer has one vote for an item in an hour of arrival, for the strongest thing they did to it. Cost: 1 SQL.
    """
    found: dict[str, list[Votes]] = defaultdict(list)
    hours = Count.objects.filter(span=Count.Span.HOUR, start__gte=since, start__lt=until)
    there = hours.filter(item__in=in_values(items))
    for item, start, kind, number in there.exclude(votes=0).values_list("item", "start", "kind", "votes"):
        found[item].append(Votes(start, cast(Kind, kind), number))
    return {item: sorted(votes) for item, votes in found.items()}
