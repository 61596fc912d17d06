"""Candidate sources. Their reads share one round trip; then each source makes its pool.

A source that fails costs its share, not the page: its pool comes back with `error`.
Outside parts guard themselves (the clients of Redis and of the activity store have
breakers and time-outs); here is only the deadline that they all share. It is looked at
before a source asks again, and between what it asks.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from activity.services import names, timelines
from activity.services.names import Name
from activity.types import Profile, StoreUnavailable, TimelineEntry, TimelineRow
from content.services import items, titles
from core.deadlines import DeadlinePassed, optional_until
from core.errors import first_line
from core.redis.client import REDIS_UNAVAILABLE, cache_redis
from core.redis.reads import Deferred, Read, Reads
from core.telemetry import labelled, timed
from core.times import format_utc_iso
from feed import indexes, metrics, recipe
from feed.indexes import Current
from feed.types import Candidate, Pool

logger = logging.getLogger(__name__)

_DAY: Final = 86_400
_ACTIVITY_HALF_LIFE: Final = 7 * _DAY
_PLACES: Final = {deed: place for place, (deed, *_) in enumerate(recipe.VERBS)}


@dataclass(frozen=True, slots=True)
class Request:
    """What sources fetch for. `depth` is how many candidates more than usual may be dropped later;
    `deadline` is seconds of time.monotonic()."""

    viewer: Profile
    current: Current | None
    depth: int
    now: int
    deadline: float


class Late(Exception):
    """A source has used up the time that all of them share."""


@dataclass(frozen=True, slots=True)
class Source:
    """`read` returns a read from the state Redis whose value is the source's pool.

    `makes_more_calls`: decoding makes further calls, which the optional budget may no longer allow.
    """

    name: str
    read: Callable[[Request], Read[Pool]]
    makes_more_calls: bool = False


@dataclass(frozen=True, slots=True)
class PendingPool:
    """A queued read of a source."""

    source: Source
    request: Request
    read: Deferred[Pool]


def taste_of(viewer: Profile) -> dict[str, float]:
    """Genre → affinity: what was learned, at least `CHOSEN_AFFINITY` for what the viewer picked."""
    chosen = dict.fromkeys(viewer.genres, recipe.CHOSEN_AFFINITY)
    learned = {genre: value for genre, value in viewer.affinities.items() if value > chosen.get(genre, 0.0)}
    return chosen | learned


def queue(name: str, request: Request, reads: Reads) -> PendingPool:
    """Queue a source's read; pass the result to `get_pool` after the reads were executed."""
    source = SOURCES[name]
    return PendingPool(source, request, reads.add(source.read(request)))


def get_pool(pending: PendingPool) -> Pool:
    """Return a source's pool, with `error` if the source failed; record its time.

    Raises only when Redis is unavailable or the request deadline is exceeded.
    """
    name = pending.source.name
    with timed(labelled(metrics.SOURCE_TIME, name)):
        pool = _get_pool(pending)
    if pool.error:
        labelled(metrics.SOURCE_FAILURES, name, pool.error).inc()
    return pool


def _get_pool(pending: PendingPool) -> Pool:
    source = pending.source
    try:
        if source.makes_more_calls:
            _in_time(pending.request)
        with optional_until(pending.request.deadline):
            return pending.read.value
    except (*REDIS_UNAVAILABLE, DeadlinePassed):
        raise
    except Late:
        return Pool(source.name, error="deadline")
    except (StoreUnavailable, OperationalError, InterfaceError) as reason:
        logger.warning("source %s failed (%s: %s)", source.name, type(reason).__name__, first_line(reason))
        return Pool(source.name, error=type(reason).__name__)
    except Exception as reason:
        logger.warning("source %s failed", source.name, exc_info=True)
        return Pool(source.name, error=type(reason).__name__)


def _in_time(request: Request) -> None:
    """Raises Late. Called before each stage that asks other parts."""
    if time.monotonic() > request.deadline:
        raise Late


def _unit(score: float) -> float:
    """An index score as a source's own: staff's boost can carry it out of 0 to 1."""
    return score if 0.0 <= score <= 1.0 else max(0.0, min(score, 1.0))


def _exhausted(found: int, count: int) -> bool:
    """Whether an index has nothing beyond what was found: `count` was asked for, no index is above the cap."""
    return found < count or count >= recipe.INDEX_CAP


# --- trending ---


def _read_trending(request: Request) -> Read[Pool]:
    count = min(recipe.FETCHED[recipe.TRENDING] + request.depth, recipe.INDEX_CAP)
    if request.current is None:
        return Read(lambda pipe: None, lambda: _trending_pool(_get_popular(count), count))
    top = indexes.read_top(request.current.generation, {indexes.TRENDING: count})
    return top.map(lambda tops: _trending_pool(tops[0], count))


def _get_popular(count: int) -> indexes.Top:
    """Return the most popular items from SQL, for as long as there is no index."""
    ids = items.get_popular_ids(count)
    return [(item, 1 - rank / max(len(ids), 1)) for rank, item in enumerate(ids)]


def _trending_pool(found: indexes.Top, count: int) -> Pool:
    candidates = tuple(Candidate(item, _unit(score), "Trending now") for item, score in found)
    return Pool(recipe.TRENDING, candidates, exhausted=_exhausted(len(found), count))


# --- personalized: the indexes of the viewer's genres ---


def _genre_counts(request: Request) -> dict[str, tuple[float, int]]:
    """Genre → (affinity, entries to read), the dearest first, in proportion to affinity."""
    if request.current is None:
        return {}
    taste = taste_of(request.viewer) or dict.fromkeys(recipe.DEFAULT_GENRES, recipe.CHOSEN_AFFINITY)
    there = [(g, a) for g, a in taste.items() if a > 0 and indexes.genre_index(g) in request.current.sizes]
    dearest = sorted(there, key=lambda pair: (-pair[1], pair[0]))[: recipe.GENRES_READ]
    total = sum(affinity for _, affinity in dearest)
    fetched = recipe.FETCHED[recipe.PERSONALIZED]
    return {
        genre: (affinity, min(int(fetched * affinity / total) + request.depth + 1, recipe.INDEX_CAP))
        for genre, affinity in dearest
    }


def _read_personalized(request: Request) -> Read[Pool]:
    if request.current is None:
        return Read(lambda pipe: None, lambda: Pool(recipe.PERSONALIZED))
    counts = _genre_counts(request)
    tops = indexes.read_top(
        request.current.generation,
        {indexes.genre_index(genre): count for genre, (_, count) in counts.items()},
    )
    names = request.current.genres
    return tops.map(lambda found: _personalized_pool(request, counts, names, found))


def _personalized_pool(
    request: Request,
    counts: Mapping[str, tuple[float, int]],
    names: Mapping[str, str],
    tops: Sequence[indexes.Top],
) -> Pool:
    liked = "Because you like" if taste_of(request.viewer) else "Popular in"
    best: dict[str, tuple[float, float, str]] = {}  # item → (weight, score, reason)
    exhausted = True
    for (genre, (affinity, count)), found in zip(counts.items(), tops, strict=True):
        exhausted = exhausted and _exhausted(len(found), count)
        reason = f"{liked} {names.get(genre, genre)}"
        for item, score in found:
            weight = affinity * score
            if item not in best or weight > best[item][0]:
                best[item] = (weight, score, reason)
    ranked = sorted((-weight, item, score, reason) for item, (weight, score, reason) in best.items())
    candidates = tuple(Candidate(item, _unit(score), reason) for _, item, score, reason in ranked)
    return Pool(recipe.PERSONALIZED, candidates, exhausted)


# --- friends: the viewer's own timeline ---


def _read_friends(request: Request) -> Read[Pool]:
    return timelines.read(request.viewer).map(lambda entries: _friends_pool(request, entries))


def _friends_pool(request: Request, entries: Sequence[TimelineEntry]) -> Pool:
    backed = [(entry, supporters) for entry in entries if (supporters := _recommending(entry))]
    newest = backed[: recipe.FETCHED[recipe.FRIENDS] + request.depth]
    standing, called = _standing_and_called(
        request,
        [entry.title for entry, _ in newest],
        [_naming(supporters).author for _, supporters in newest],
    )
    candidates = tuple(
        Candidate(
            standing[entry.title][0],
            0.5 ** (max(request.now - supporters[0].at, 0) / _ACTIVITY_HALF_LIFE),
            reason_of(supporters, called),
            len(supporters),
        )
        for entry, supporters in newest
        if standing[entry.title]
    )
    return Pool(recipe.FRIENDS, candidates, exhausted=len(newest) == len(backed))


def _standing_and_called(
    request: Request, wanted: Sequence[str], actors: Sequence[str]
) -> tuple[dict[str, list[str]], dict[str, Name]]:
    """The items of titles, and what people are called. Cost: 1 wait, besides what is cold. Raises Late."""
    _in_time(request)
    if not wanted:
        return {}, {}
    reads = Reads(cache_redis())
    of_titles, of_people = reads.add(titles.read(wanted)), reads.add(names.read(actors))
    reads.execute()
    return of_titles.value, of_people.value


def _recommending(entry: TimelineEntry) -> list[TimelineRow]:
    """Supporters whose deed recommends; a low rating shows among what friends did, never here."""
    return [row for row in entry.supporters if _verb(row) is not None]


def _verb(row: TimelineRow) -> int | None:
    """The place of a row's strongest verb in the recipe's order; None if it recommends nothing."""
    if row.rating is not None and row.rating <= recipe.LOW_RATING and not row.favorite:
        return None
    place = _PLACES.get(row.status or "")
    if row.favorite or row.rating is not None:
        return _PLACES["liked"] if place is None else min(place, _PLACES["liked"])
    return place


def _naming(supporters: Sequence[TimelineRow]) -> TimelineRow:
    """Who names the reason: of those with the strongest verb among them all, the newest."""
    return min(supporters, key=lambda row: (_verb(row), -row.at, row.author))


def reason_of(supporters: Sequence[TimelineRow], called: Mapping[str, Name]) -> str:
    """`Ama and 2 others liked this`."""
    naming = _naming(supporters)
    _, of_one, of_several = recipe.VERBS[_verb(naming) or 0]
    name, others = called[naming.author][0], len(supporters) - 1
    if others == 0:
        return f"{name} {of_one}"
    return f"{name} and {others} other{'s' if others > 1 else ''} {of_several}"


# --- following: the same timeline as a list of what was done ---


def _read_following(request: Request) -> Read[Pool]:
    return timelines.read(request.viewer).map(lambda entries: _following_pool(request, entries))


def _following_pool(request: Request, found: Sequence[TimelineEntry]) -> Pool:
    entries = found[: recipe.FETCHED[recipe.FOLLOWING]]
    standing, called = _standing_and_called(
        request,
        [entry.title for entry in entries],
        [row.author for entry in entries for row in _spoken_of(entry)],
    )
    shown = [entry for entry in entries if standing[entry.title]]
    candidates = tuple(
        Candidate(standing[entry.title][0], 1.0, _told(entry, called), social=_social(entry, called))
        for entry in shown
    )
    return Pool(recipe.FOLLOWING, candidates)


def _spoken_of(entry: TimelineEntry) -> list[TimelineRow]:
    """Whom the item names: the supporters that it lists, and whoever names its reason, who may be an older one."""
    backing = _recommending(entry)
    return [*entry.supporters[: recipe.FRIENDS_SHOWN], *([_naming(backing)] if backing else [])]


def _told(entry: TimelineEntry, called: Mapping[str, Name]) -> str:
    backing = _recommending(entry)
    if backing:
        return reason_of(backing, called)
    return f"{called[entry.supporters[0].author][0]} rated this"


def _social(entry: TimelineEntry, called: Mapping[str, Name]) -> dict[str, Any]:
    newest = entry.supporters[0]
    friends = [_friend(row, called) for row in entry.supporters[: recipe.FRIENDS_SHOWN]]
    return {
        "type": "social_activity",
        "status": newest.status or ("liked" if newest.favorite else "rated"),
        "rating": newest.rating,
        "isFavorite": newest.favorite,
        "timestamp": format_utc_iso(newest.at),
        "friend": friends[0],
        "friends": friends,
    }


def _friend(row: TimelineRow, called: Mapping[str, Name]) -> dict[str, str | None]:
    name, picture = called[row.author]
    return {"uid": row.author, "username": name, "avatarUrl": picture}


SOURCES: Final = {
    source.name: source
    for source in (
        Source(recipe.TRENDING, _read_trending),
        Source(recipe.PERSONALIZED, _read_personalized),
        Source(recipe.FRIENDS, _read_friends, makes_more_calls=True),
        Source(recipe.FOLLOWING, _read_following, makes_more_calls=True),
    )
}
