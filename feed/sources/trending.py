"""Trending: the first items of the index of all items, the same for every viewer."""

from content.services import items
from core.redis.reads import Read
from feed import indexes, recipe
from feed.indexes import Entries
from feed.sources import TRENDING
from feed.sources.base import RecallRequest, clamp, is_index_exhausted
from feed.types import Candidate, Pool


def read(request: RecallRequest) -> Read[Pool]:
    """Return a read of the trending index. Without an index, decoding costs 1 SQL query."""
    limit = min(TRENDING.fetch_limit + request.depth, recipe.MAX_INDEX_ITEMS)
    if request.index_pointer is None:
        return Read(lambda pipe: None, lambda: _make_pool(_get_popular(limit), limit))
    top = indexes.read_top(request.index_pointer.generation, {indexes.TRENDING: limit})
    return top.map(lambda found: _make_pool(found[0], limit))


def _get_popular(limit: int) -> Entries:
    """Return the most popular items from SQL, which replace the index until a worker has built one."""
    ids = items.get_popular_ids(limit)
    return [(item, 1 - rank / max(len(ids), 1)) for rank, item in enumerate(ids)]


def _make_pool(found: Entries, limit: int) -> Pool:
    candidates = tuple(Candidate(item, clamp(score), "Trending now") for item, score in found)
    return Pool(TRENDING.name, candidates, exhausted=is_index_exhausted(len(found), limit))
