"""Rebuild the indexes: write a new generation, check it, publish it, delete generations that are too old.

If a rebuild fails or its result looks wrong, readers keep the previous generation.
"""

import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.utils import timezone

from content.services import catalogue, genres
from content.types import Facts
from core.redis.client import state_redis
from core.redis.script import Script
from feed import engagement, indexes, keys, ranking, recipe
from feed.indexes import GenerationWriter, IndexPointer
from feed.models import IndexBuild

logger = logging.getLogger(__name__)

MAX_BUILD_HISTORY: Final = 500  # rows

# KEYS: lease. ARGV: token, ttl (0 releases it). Does nothing to a lease that another process holds by now.
_RENEW_OR_RELEASE = Script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('EXPIRE', KEYS[1], ARGV[2])
""")


class RebuildInProgress(Exception):
    """Another process is rebuilding the indexes, or took the lease from this one."""


class BuildRefused(Exception):
    """The new generation looks wrong; the message says why."""


def rebuild_indexes(*, now: datetime, accept: bool = False) -> IndexBuild:
    """Rank the published catalogue into a new generation of indexes and publish it; `accept` also if it looks wrong.

    Also pushes the counts of each item to its card. Returns the build; its `outcome` says whether it was published.
    Raises RebuildInProgress, and the error that made the build fail, after recording it.

    Cost: the catalogue is streamed once from SQL, one batch in memory: 5 queries per 2,000 items (facts and genres,
    votes, totals and cards' counts), and the cost of `items.set_counts` where counts changed.
    """
    with _index_lease() as renew:
        _fail_abandoned_builds()
        build = IndexBuild.objects.create(started_at=now)
        try:
            _build(build, now=now, accept=accept, renew=renew)
        except BuildRefused as reason:
            _finish(build, IndexBuild.Outcome.REFUSED, str(reason))
            logger.warning("index build %s refused: %s", build.pk, reason)
        except BaseException as reason:
            _finish(build, IndexBuild.Outcome.FAILED, f"{type(reason).__name__}: {reason}")
            raise
        else:
            _finish(build, IndexBuild.Outcome.PUBLISHED, "")
        _delete_old_generations()
    return build


def rollback(generation: int) -> IndexPointer:
    """Move the index pointer back to a kept generation. Raises ValueError if it is not kept."""
    pointer = indexes.get_pointer()
    if pointer is None or generation not in pointer.older_generations:
        raise ValueError(f"generation {generation} is not kept")
    build = IndexBuild.objects.get(pk=generation)
    others = {*pointer.older_generations, pointer.generation} - {generation}
    previous = _make_pointer(build, tuple(sorted(others, reverse=True)))
    indexes.publish(previous)
    return previous


@contextmanager
def _index_lease() -> Iterator[Callable[[], None]]:
    """Hold the index lease and yield the function that renews it.

    The lease expires after a minute, so that a killed builder does not block the next one for longer.
    """
    lease, token = keys.INDEX_LEASE, secrets.token_hex(8)
    if not state_redis().set(lease.name(), token, nx=True, ex=lease.ttl):
        raise RebuildInProgress("another process is rebuilding the indexes")

    def renew() -> None:
        if not _RENEW_OR_RELEASE.run(state_redis(), keys=[lease.name()], args=[token, lease.ttl]):
            raise RebuildInProgress("the index lease was lost to another process, or Redis lost its data")

    try:
        yield renew
    finally:
        _RENEW_OR_RELEASE.run(state_redis(), keys=[lease.name()], args=[token, 0])


def _fail_abandoned_builds() -> None:
    """Record builds that are still `running` as failed: this process holds the lease, so their processes died."""
    abandoned = IndexBuild.objects.filter(outcome=IndexBuild.Outcome.RUNNING)
    abandoned.update(outcome=IndexBuild.Outcome.FAILED, detail="its process died", finished_at=timezone.now())


def _build(build: IndexBuild, *, now: datetime, accept: bool, renew: Callable[[], None]) -> None:
    writer = GenerationWriter(build.pk)
    epoch = int(now.timestamp())
    try:
        for batch in catalogue.iterate_published_facts():
            build.items += len(batch)
            writer.add(_get_scores(batch, now=epoch))
            engagement.push_counts([facts.id for facts in batch])
            renew()
        build.sizes = writer.finish()
        build.genres = genres.get_names_by_slug()
        previous = indexes.get_pointer()
        if not accept:
            _check_generation(build, previous)
        renew()
    except BaseException:
        indexes.delete_generation(build.pk, writer.names)
        build.keys_deleted = True
        raise
    build.save()  # before the keys lose their TTL, so that `_delete_old_generations` finds them later
    older = (previous.generation, *previous.older_generations) if previous else ()
    indexes.publish(_make_pointer(build, older[: recipe.OLDER_GENERATIONS_KEPT]))


def _get_scores(batch: Sequence[Facts], *, now: int) -> dict[str, dict[str, float]]:
    """Return index name → item id → score."""
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    votes = engagement.get_votes([facts.id for facts in batch], now=now)
    for facts in batch:
        score = ranking.index_score(facts, votes.get(facts.id, ()), now=now)
        scores[indexes.TRENDING][facts.id] = score
        for genre in facts.genres:
            scores[indexes.genre_index(genre)][facts.id] = score
    return scores


def _check_generation(build: IndexBuild, previous: IndexPointer | None) -> None:
    """Raise BuildRefused if items are missing, or if the trending index became much smaller."""
    size = build.sizes.get(indexes.TRENDING, 0)
    if size < min(build.items, recipe.MAX_INDEX_ITEMS):
        raise BuildRefused(f"only {size} of {build.items} items were written")
    previous_size = previous.sizes.get(indexes.TRENDING, 0) if previous else 0
    if previous_size and size < previous_size * recipe.MIN_SIZE_RATIO:
        raise BuildRefused(f"{size} items after {previous_size}; use --accept to publish anyway")


def _make_pointer(build: IndexBuild, older_generations: tuple[int, ...]) -> IndexPointer:
    return IndexPointer(
        generation=build.pk,
        built_at=int(build.started_at.timestamp()),
        sizes=build.sizes,
        genres=build.genres,
        older_generations=older_generations,
    )


def _finish(build: IndexBuild, outcome: IndexBuild.Outcome, detail: str) -> None:
    build.outcome = outcome
    build.detail = detail[:500]
    build.finished_at = timezone.now()  # not an argument: a build takes minutes
    build.save()


def _delete_old_generations() -> None:
    """Delete the keys of generations that are neither current nor kept, and the oldest rows of the history."""
    pointer = indexes.get_pointer()
    kept = {pointer.generation, *pointer.older_generations} if pointer else set()
    old = IndexBuild.objects.filter(keys_deleted=False).exclude(pk__in=kept)
    for build in old[:50]:
        indexes.delete_generation(build.pk, build.sizes)
        build.keys_deleted = True
        build.save(update_fields=["keys_deleted"])
    newest = IndexBuild.objects.order_by("-pk").values_list("pk", flat=True)[:MAX_BUILD_HISTORY]
    IndexBuild.objects.filter(keys_deleted=True).exclude(pk__in=list(newest)).delete()
