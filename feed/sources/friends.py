"""Friends: titles that people whom the viewer follows recommend, newest first."""

from collections.abc import Sequence

from activity.services import timelines
from activity.types import TimelineEntry
from core.redis.reads import Read
from feed import recipe
from feed.sources import FRIENDS
from feed.sources.base import RecallRequest
from feed.sources.supporters import (
    get_items_and_names,
    get_named_supporter,
    get_recommending_rows,
    make_reason,
)
from feed.types import Candidate, Pool


def read(request: RecallRequest) -> Read[Pool]:
    """Return a read of the viewer's timeline. Decoding reads titles and names: 1 round trip, more if some are cold."""
    return timelines.read(request.viewer).map(lambda entries: _make_pool(request, entries))


def _make_pool(request: RecallRequest, entries: Sequence[TimelineEntry]) -> Pool:
    recommended = [(entry, rows) for entry in entries if (rows := get_recommending_rows(entry))]
    newest = recommended[: FRIENDS.fetch_limit + request.depth]
    items_by_title, names_by_uid = get_items_and_names(
        [entry.title for entry, _ in newest],
        [get_named_supporter(rows).author for _, rows in newest],
    )
    candidates = tuple(
        Candidate(
            items_by_title[entry.title][0],
            0.5 ** (max(request.now - rows[0].at, 0) / recipe.ACTIVITY_HALF_LIFE),
            make_reason(rows, names_by_uid),
            len(rows),
        )
        for entry, rows in newest
        if items_by_title[entry.title]
    )
    return Pool(FRIENDS.name, candidates, exhausted=len(newest) == len(recommended))
