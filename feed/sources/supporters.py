"""The people behind an entry of a timeline: who recommends its title, and the reason that names one of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from django.utils.text import Truncator

from activity.services import names
from activity.services.names import Name
from activity.types import TimelineEntry, TimelineRow
from content.services import titles
from core.redis.client import cache_redis
from core.redis.reads import Reads
from feed import recipe
from feed.sources.base import check_budget

_VERB_RANKS: Final = {verb: rank for rank, (verb, *_) in enumerate(recipe.REASON_VERBS)}


def get_items_and_names(
    title_keys: Sequence[str], uids: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, Name]]:
    """Return the items of titles and the names of people.

    Cost: 1 round trip, none without titles; for titles that are not cached 1 SQL query and 1 round trip, for names
    1 store call and 1 round trip. Raises BudgetSpent and StoreUnavailable.
    """
    check_budget()
    if not title_keys:
        return {}, {}
    reads = Reads(cache_redis())
    items_by_title, names_by_uid = reads.add(titles.read(title_keys)), reads.add(names.read(uids))
    reads.execute()
    return items_by_title.value, names_by_uid.value


def get_recommending_rows(entry: TimelineEntry) -> list[TimelineRow]:
    """Return the rows that recommend the title. A low rating is an activity, but no recommendation."""
    return [row for row in entry.supporters if _get_verb_rank(row) is not None]


def get_named_supporter(rows: Sequence[TimelineRow]) -> TimelineRow:
    """Return the row that the reason names: the newest of those with the strongest verb."""
    return min(rows, key=lambda row: (_get_verb_rank(row), -row.at, row.author))


def make_reason(rows: Sequence[TimelineRow], names_by_uid: Mapping[str, Name]) -> str:
    """Return the reason for recommending rows: `Ama and 2 others liked this`."""
    named = get_named_supporter(rows)
    _, singular, plural = recipe.REASON_VERBS[_get_verb_rank(named) or 0]
    name, others = shorten_name(names_by_uid[named.author][0]), len(rows) - 1
    if others == 0:
        return f"{name} {singular}"
    return f"{name} and {others} other{'s' if others > 1 else ''} {plural}"


def make_reason_starts(name: str) -> list[str]:
    """Return the texts with which the reasons that name this person begin."""
    shown = shorten_name(name)
    return [f"{shown} and ", *(f"{shown} {singular}" for _, singular, _ in recipe.REASON_VERBS)]


def shorten_name(name: str | None) -> str:
    """Return the name as a reason shows it: up to 40 characters, cut off between two of them."""
    return Truncator(name).chars(recipe.MAX_REASON_NAME) if name else recipe.NAMELESS


def _get_verb_rank(row: TimelineRow) -> int | None:
    """Return the rank of a row's strongest verb, 0 being the strongest; None if it recommends nothing."""
    if row.rating is not None and row.rating <= recipe.MAX_LOW_RATING and not row.favorite:
        return None
    rank = _VERB_RANKS.get(row.status or "")
    if row.favorite or row.rating is not None:
        return _VERB_RANKS["liked"] if rank is None else min(rank, _VERB_RANKS["liked"])
    return rank
