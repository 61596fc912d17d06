"""Candidate sources. All ask Redis in one pipeline (one wait for the lot), then each takes its answers.

A source that fails costs its share, not the page: its pool comes back with `error`.
Outside parts guard themselves (the clients of Redis and of the activity store have
breakers and time-outs); here is only the deadline that they all share.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from activity.services import timelines
from activity.types import NAMELESS, Profile, TimelineEntry, TimelineRow
from content.services import items, titles
from feed import indexes, recipe
from feed.indexes import Current
from feed.types import Candidate, Pool
from finishd.lib.redis import UNAVAILABLE

logger = logging.getLogger(__name__)

_DAY: Final = 86_400
_ACTIVITY_HALF_LIFE: Final = 7 * _DAY


@dataclass(frozen=True, slots=True)
class Request:
    """What sources fetch for. `depth` is how many candidates more than usual may be dropped later;
    `deadline` is seconds of time.monotonic()."""

    viewer: Profile
    current: Current | None
    depth: int
    now: int
    deadline: float


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
    """A source's pool, whatever happens. Redis being away is no source's fault and goes on up."""
    source = SOURCES[name]
    if source.goes_out and time.monotonic() > request.deadline:
        return Pool(name, error="deadline")
    try:
        failed = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if failed is not None:
            raise failed
        return source.take(request, answers)
    except UNAVAILABLE:
        raise
    except Exception as reason:
        logger.warning("source %s failed", name, exc_info=True)
        return Pool(name, error=type(reason).__name__)


def _unit(score: float) -> float:
    """An index score as a source's own: staff's boost can carry it out of 0 to 1."""
    return max(0.0, min(score, 1.0))


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
        ids = items.popular_ids(count)
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
    best: dict[str, tuple[float, Candidate]] = {}
    exhausted = True
    for (genre, (affinity, count)), answer in zip(counts.items(), answers, strict=True):
        found = indexes.take_head(answer)
        exhausted = exhausted and _exhausted(len(found), count)
        reason = f"{liked} {names.get(genre, genre)}"
        for item, score in found:
            weight = affinity * score
            if item not in best or weight > best[item][0]:
                best[item] = (weight, Candidate(item, _unit(score), reason))
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].id))
    return Pool(recipe.PERSONALIZED, tuple(candidate for _, candidate in ranked), exhausted)


# --- friends: the viewer's own timeline ---


def _ask_friends(request: Request, pipe: Any) -> None:
    pipe.get(timelines.key(request.viewer.uid))


def _take_friends(request: Request, answers: Sequence[Any]) -> Pool:
    entries = timelines.take(request.viewer.uid, answers[0], unwanted=request.viewer.unwanted)
    backed = [(entry, supporters) for entry in entries if (supporters := _recommending(entry))]
    newest = backed[: recipe.FETCHED[recipe.FRIENDS] + request.depth]
    standing = titles.items_of([entry.title for entry, _ in newest])
    candidates = tuple(
        Candidate(
            standing[entry.title][0],
            0.5 ** (max(request.now - supporters[0].at, 0) / _ACTIVITY_HALF_LIFE),
            reason_of(supporters),
            len(supporters),
        )
        for entry, supporters in newest
        if standing[entry.title]
    )
    return Pool(recipe.FRIENDS, candidates, exhausted=len(newest) == len(backed))


def _recommending(entry: TimelineEntry) -> list[TimelineRow]:
    """Supporters whose deed recommends; a low rating shows among what friends did, never here."""
    return [row for row in entry.supporters if _verb(row) is not None]


def _verb(row: TimelineRow) -> int | None:
    """The place of a row's strongest verb in the recipe's order; None if it recommends nothing."""
    if row.rating is not None and row.rating <= recipe.LOW_RATING and not row.favorite:
        return None
    deeds = {row.status, "liked" if row.favorite or row.rating is not None else None}
    return next((place for place, (name, _) in enumerate(recipe.VERBS) if name in deeds), None)


def reason_of(supporters: Sequence[TimelineRow]) -> str:
    """`Ama and 2 others liked this`: the strongest verb of them all, the newest of those who did it first."""
    strengths = [(place, row) for row in supporters if (place := _verb(row)) is not None]
    strongest = min(place for place, _ in strengths)
    name = next(row.actor_name for place, row in strengths if place == strongest) or NAMELESS
    others = len(supporters) - 1
    phrase = recipe.VERBS[strongest][1]
    if others == 0:
        return f"{name} {phrase.replace('are ', 'is ').replace('want ', 'wants ')}"
    return f"{name} and {others} other{'s' if others > 1 else ''} {phrase}"


SOURCES: Final = {
    source.name: source
    for source in (
        Source(recipe.TRENDING, _ask_trending, _take_trending),
        Source(recipe.PERSONALIZED, _ask_personalized, _take_personalized),
        Source(recipe.FRIENDS, _ask_friends, _take_friends, goes_out=True),
    )
}
