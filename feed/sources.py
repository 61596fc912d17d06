"""Candidate sources. All ask Redis in one pipeline (one wait for the lot), then each takes its answers.

A source that fails costs its share, not the page: its pool comes back with `error`.
Outside parts guard themselves (the clients of Redis and of the activity store have
breakers and time-outs); here is only the deadline that they all share. It is looked at
before a source asks again, and between what it asks.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from activity.services import names, timelines
from activity.services.names import Name
from activity.types import Profile, StoreUnavailable, TimelineEntry, TimelineRow
from content.services import items, titles
from core import telemetry
from core.deadlines import DeadlinePassed, optional_until
from core.errors import first_line
from core.redis.client import REDIS_UNAVAILABLE, cache_redis
from feed import indexes, recipe
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
    """`ask` queues reads, `take` makes candidates of the answers, in the same number and order.

    `goes_out`: taking asks other parts once more, for which it may be too late.
    """

    name: str
    ask: Callable[[Request, Any], None]
    take: Callable[[Request, Sequence[Any]], Pool]
    goes_out: bool = False


def taste_of(viewer: Profile) -> dict[str, float]:
    """Genre → affinity: what was learned, at least `CHOSEN_AFFINITY` for what the viewer picked."""
    chosen = dict.fromkeys(viewer.genres, recipe.CHOSEN_AFFINITY)
    learned = {genre: value for genre, value in viewer.affinities.items() if value > chosen.get(genre, 0.0)}
    return chosen | learned


def fetch(name: str, request: Request, answers: Sequence[Any]) -> Pool:
    """A source's pool, whatever happens, timed. Redis being away is no source's fault and goes on up."""
    with telemetry.timed(telemetry.labelled(telemetry.SOURCE_TIME, name)):
        pool = _fetched(SOURCES[name], request, answers)
    if pool.error:
        telemetry.labelled(telemetry.SOURCE_FAILURES, name, pool.error).inc()
    return pool


def _fetched(source: Source, request: Request, answers: Sequence[Any]) -> Pool:
    try:
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if failed is not None:
            raise failed
        if source.goes_out:
            _in_time(request)
        with optional_until(request.deadline):
            return source.take(request, answers)
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


def _ask_trending(request: Request, pipe: Any) -> None:
    if request.current is not None:
        indexes.queue_head(pipe, request.current.generation, indexes.TRENDING, _trending_count(request))


def _take_trending(request: Request, answers: Sequence[Any]) -> Pool:
    count = _trending_count(request)
    if answers:
        found = indexes.take_head(answers[0])
    else:
        # No index at all: the head of the catalogue from SQL, until a worker has built one.
        ids = items.get_popular_ids(count)
        found = [(item, 1 - place / max(len(ids), 1)) for place, item in enumerate(ids)]
    candidates = tuple(Candidate(item, _unit(score), "Trending now") for item, score in found)
    return Pool(recipe.TRENDING, candidates, exhausted=_exhausted(len(found), count))


def _trending_count(request: Request) -> int:
    return min(recipe.FETCHED[recipe.TRENDING] + request.depth, recipe.INDEX_CAP)


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


def _ask_personalized(request: Request, pipe: Any) -> None:
    for genre, (_, count) in _genre_counts(request).items():
        assert request.current is not None  # noqa: S101  (no counts without an index)
        indexes.queue_head(pipe, request.current.generation, indexes.genre_index(genre), count)


def _take_personalized(request: Request, answers: Sequence[Any]) -> Pool:
    counts = _genre_counts(request)
    names = request.current.genres if request.current else {}
    liked = "Because you like" if taste_of(request.viewer) else "Popular in"
    best: dict[str, tuple[float, float, str]] = {}  # item → (weight, score, reason)
    exhausted = True
    for (genre, (affinity, count)), answer in zip(counts.items(), answers, strict=True):
        found = indexes.take_head(answer)
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


def _ask_timeline(request: Request, pipe: Any) -> None:
    timelines.queue_read(pipe, request.viewer)


def _take_friends(request: Request, answers: Sequence[Any]) -> Pool:
    entries = timelines.take(request.viewer, answers)
    backed = [(entry, supporters) for entry in entries if (supporters := _recommending(entry))]
    newest = backed[: recipe.FETCHED[recipe.FRIENDS] + request.depth]
    standing, called = _standing_and_called(
        request,
        [entry.title for entry, _ in newest],
        [_naming(supporters).actor for _, supporters in newest],
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
    uids = list(dict.fromkeys(actors))
    pipe = cache_redis().pipeline()
    titles.queue(pipe, wanted)
    names.queue(pipe, uids)
    of_titles, of_people = pipe.execute()
    return titles.take(wanted, of_titles), names.take(uids, of_people)


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
    return min(supporters, key=lambda row: (_verb(row), -row.at, row.actor))


def reason_of(supporters: Sequence[TimelineRow], called: Mapping[str, Name]) -> str:
    """`Ama and 2 others liked this`."""
    naming = _naming(supporters)
    _, of_one, of_several = recipe.VERBS[_verb(naming) or 0]
    name, others = called[naming.actor][0], len(supporters) - 1
    if others == 0:
        return f"{name} {of_one}"
    return f"{name} and {others} other{'s' if others > 1 else ''} {of_several}"


# --- following: the same timeline as a list of what was done ---


def _take_following(request: Request, answers: Sequence[Any]) -> Pool:
    entries = timelines.take(request.viewer, answers)[: recipe.FETCHED[recipe.FOLLOWING]]
    standing, called = _standing_and_called(
        request,
        [entry.title for entry in entries],
        [row.actor for entry in entries for row in _spoken_of(entry)],
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
    return f"{called[entry.supporters[0].actor][0]} rated this"


def _social(entry: TimelineEntry, called: Mapping[str, Name]) -> dict[str, Any]:
    newest = entry.supporters[0]
    friends = [_friend(row, called) for row in entry.supporters[: recipe.FRIENDS_SHOWN]]
    return {
        "type": "social_activity",
        "status": newest.status or ("liked" if newest.favorite else "rated"),
        "rating": newest.rating,
        "isFavorite": newest.favorite,
        "timestamp": datetime.fromtimestamp(newest.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "friend": friends[0],
        "friends": friends,
    }


def _friend(row: TimelineRow, called: Mapping[str, Name]) -> dict[str, str | None]:
    name, picture = called[row.actor]
    return {"uid": row.actor, "username": name, "avatarUrl": picture}


SOURCES: Final = {
    source.name: source
    for source in (
        Source(recipe.TRENDING, _ask_trending, _take_trending),
        Source(recipe.PERSONALIZED, _ask_personalized, _take_personalized),
        Source(recipe.FRIENDS, _ask_timeline, _take_friends, goes_out=True),
        Source(recipe.FOLLOWING, _ask_timeline, _take_following, goes_out=True),
    )
}
