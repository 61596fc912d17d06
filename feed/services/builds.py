"""Rebuilding the indexes: write a new generation, verify it, move the pointer, drop what is too old.

A rebuild that fails or looks wrong leaves the old generation serving and says so.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils import timezone

from content.services import catalogue, genres
from content.types import Facts
from core.redis.client import state_redis
from core.redis.script import Script
from feed import engagement, indexes, keys, ranking, recipe
from feed.indexes import Current, Writer
from feed.models import IndexBuild

logger = logging.getLogger(__name__)

HISTORY_KEPT = 500

# KEYS: lock. ARGV: token, ttl (0 lets go). Nobody touches a lock that has passed to another.
_HOLD = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
""")


class Busy(Exception):
    """Another process is rebuilding, or took over from this one."""


class Refused(Exception):
    """The new generation looks wrong; the message says how."""


def rebuild(*, now: datetime, accept: bool = False) -> IndexBuild:
    """Rank the published catalogue into new indexes and publish them; `accept` also when they look wrong.

    On the way cards learn what was counted of their items. Returns the build, whose `outcome` says what
    became of it. Raises Busy, and whatever made it fail, after recording it. Cost: the catalogue streamed
    once from SQL, a batch in memory: 5 queries per 2,000 items (facts and genres, votes, totals and what
    cards tell of them), and what `items.set_counts` costs where something was counted since.
    """
    with _alone() as renew:
        _bury()
        build = IndexBuild.objects.create(started_at=now)
        try:
            _build(build, now=now, accept=accept, renew=renew)
        except Refused as reason:
            _finish(build, IndexBuild.Outcome.REFUSED, str(reason))
            logger.warning("index build %s refused: %s", build.pk, reason)
        except BaseException as reason:
            _finish(build, IndexBuild.Outcome.FAILED, f"{type(reason).__name__}: {reason}")
            raise
        else:
            _finish(build, IndexBuild.Outcome.PUBLISHED, "")
        _retire()
    return build


def rollback(generation: int) -> Current:
    """Point readers to a kept generation again. Raises ValueError if it is not among those kept."""
    pointer = indexes.current()
    if pointer is None or generation not in pointer.kept:
        raise ValueError(f"generation {generation} is not kept")
    build = IndexBuild.objects.get(pk=generation)
    kept = tuple(sorted({*pointer.kept, pointer.generation} - {generation}, reverse=True))
    older = _pointer(build, kept)
    indexes.point_to(older)
    return older


@contextmanager
def _alone() -> Iterator[Callable[[], None]]:
    """Hold the lock and yield what renews it: a lock lives a minute, so that a dead builder blocks no longer."""
    lock, token = keys.INDEX_LOCK, secrets.token_hex(8)
    if not state_redis().set(lock.name(), token, nx=True, ex=lock.ttl):
        raise Busy("another process is rebuilding the indexes")

    def renew() -> None:
        if not _HOLD.run(state_redis(), keys=[lock.name()], args=[token, lock.ttl]):
            raise Busy("the lock was lost to another process, or with all of Redis")

    try:
        yield renew
    finally:
        _HOLD.run(state_redis(), keys=[lock.name()], args=[token, 0])


def _bury() -> None:
    """Under the lock nobody else is building: what still looks like it died with its process."""
    dead = IndexBuild.objects.filter(outcome=IndexBuild.Outcome.RUNNING)
    dead.update(outcome=IndexBuild.Outcome.FAILED, detail="its process died", finished_at=timezone.now())


def _build(build: IndexBuild, *, now: datetime, accept: bool, renew: Callable[[], None]) -> None:
    writer = Writer(build.pk)
    epoch = int(now.timestamp())
    try:
        for batch in catalogue.iterate_published_facts():
            build.items += len(batch)
            writer.add(_scores(batch, now=epoch))
            engagement.tell([facts.id for facts in batch])
            renew()
        build.sizes = writer.finish()
        build.genres = genres.get_names_by_slug()
        before = indexes.current()
        if not accept:
            _verify(build, before)
        renew()
    except BaseException:
        indexes.drop(build.pk, writer.names)
        build.dropped = True
        raise
    build.save()  # before the keys lose their TTL: from here on `_retire` knows of them
    kept = (before.generation, *before.kept) if before else ()
    indexes.point_to(_pointer(build, kept[: recipe.GENERATIONS_KEPT]))


def _scores(batch: list[Facts], *, now: int) -> dict[str, dict[str, float]]:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    votes = engagement.votes([facts.id for facts in batch], now=now)
    for facts in batch:
        score = ranking.index_score(facts, votes.get(facts.id, ()), now=now)
        scores[indexes.TRENDING][facts.id] = score
        for genre in facts.genres:
            scores[indexes.genre_index(genre)][facts.id] = score
    return scores


def _verify(build: IndexBuild, before: Current | None) -> None:
    size = build.sizes.get(indexes.TRENDING, 0)
    if size < min(build.items, recipe.INDEX_CAP):
        raise Refused(f"only {size} of {build.items} items were written")
    last = before.sizes.get(indexes.TRENDING, 0) if before else 0
    if last and size < last * recipe.SHRINK_REFUSED:
        raise Refused(f"{size} items after {last}; --accept publishes it all the same")


def _pointer(build: IndexBuild, kept: tuple[int, ...]) -> Current:
    return Current(build.pk, int(build.started_at.timestamp()), build.sizes, build.genres, kept)


def _finish(build: IndexBuild, outcome: IndexBuild.Outcome, detail: str) -> None:
    build.outcome = outcome
    build.detail = detail[:500]
    build.finished_at = timezone.now()
    build.save()


def _retire() -> None:
    """Drop generations that are neither current nor kept, and forget old history."""
    pointer = indexes.current()
    living = {pointer.generation, *pointer.kept} if pointer else set()
    old = IndexBuild.objects.filter(dropped=False).exclude(pk__in=living)
    for build in old[:50]:
        indexes.drop(build.pk, build.sizes)
        build.dropped = True
        build.save(update_fields=["dropped"])
    newest = IndexBuild.objects.order_by("-pk").values_list("pk", flat=True)[:HISTORY_KEPT]
    IndexBuild.objects.filter(dropped=True).exclude(pk__in=list(newest)).delete()
