"""Following: everything that the people whom the viewer follows did, newest first, with their names and pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

from activity.services import timelines
from activity.services.names import Name
from activity.types import TimelineEntry, TimelineRow
from core.redis.reads import Read
from core.times import format_utc_iso
from feed import recipe
from feed.sources import FOLLOWING
from feed.sources.base import RecallRequest
from feed.sources.supporters import (
    get_items_and_names,
    get_named_supporter,
    get_recommending_rows,
    make_reason,
    shorten_name,
)
from feed.types import Candidate, Pool


def read(request: RecallRequest) -> Read[Pool]:
    """Return a read of the viewer's timeline. Decoding reads titles and names: 1 round trip, more if some are cold."""
    return timelines.read(request.viewer).map(lambda entries: _make_pool(entries[: FOLLOWING.fetch_limit]))


def _make_pool(entries: Sequence[TimelineEntry]) -> Pool:
    items_by_title, names_by_uid = get_items_and_names(
        [entry.title for entry in entries],
        [row.author for entry in entries for row in _get_named_rows(entry)],
    )
    candidates = tuple(
        Candidate(
            items_by_title[entry.title][0],
            1.0,
            _get_reason(entry, names_by_uid),
            social_fields=_make_social_fields(entry, names_by_uid),
        )
        for entry in entries
        if items_by_title[entry.title]
    )
    return Pool(FOLLOWING.name, candidates)


def _get_named_rows(entry: TimelineEntry) -> list[TimelineRow]:
    """Return the supporters that the item lists, and the one whom its reason names, who may be an older one."""
    rows = get_recommending_rows(entry)
    return [*entry.supporters[: recipe.FRIENDS_SHOWN], *([get_named_supporter(rows)] if rows else [])]


def _get_reason(entry: TimelineEntry, names_by_uid: Mapping[str, Name]) -> str:
    rows = get_recommending_rows(entry)
    if rows:
        return make_reason(rows, names_by_uid)
    return f"{shorten_name(names_by_uid[entry.supporters[0].author][0])} rated this"


def _make_social_fields(entry: TimelineEntry, names_by_uid: Mapping[str, Name]) -> dict[str, Any]:
    newest = entry.supporters[0]
    friends = [_make_friend(row, names_by_uid) for row in entry.supporters[: recipe.FRIENDS_SHOWN]]
    return {
        "type": "social_activity",
        "status": newest.status or ("liked" if newest.favorite else "rated"),
        "rating": newest.rating,
        "isFavorite": newest.favorite,
        "timestamp": format_utc_iso(newest.at),
        "friend": friends[0],
        "friends": friends,
    }


def _make_friend(row: TimelineRow, names_by_uid: Mapping[str, Name]) -> dict[str, str | None]:
    name, picture = names_by_uid[row.author]
    return {"uid": row.author, "username": name, "avatarUrl": picture}
