"""Sources in tests: one timeline row, and the pool of one source."""

from typing import Any

from activity.services import profiles
from activity.types import TimelineRow
from core.redis.client import state_redis
from core.redis.reads import Reads
from feed import indexes
from feed.recall import get_pool
from feed.sources import SOURCES
from feed.sources.base import RecallRequest
from feed.tests import world
from feed.types import Pool

NOW = int(world.NOW.timestamp())


def make_row(author: str, **values: Any) -> TimelineRow:
    """Return a row of a friend's activity on a title."""
    return TimelineRow(
        **{"author": author, "title": "movie:1000", "at": NOW, "author_name": author.title(), **values}
    )


def read_pool(uid: str, name: str, *, depth: int = 0, current: Any = ...) -> Pool:
    """Return the pool of a source, read as in a build."""
    pointer = indexes.get_pointer() if current is ... else current
    (source,) = (source for source in SOURCES if source.name == name)
    reads = Reads(state_redis())
    pending = reads.add(source.read(RecallRequest(profiles.get(uid), pointer, depth, NOW)))
    reads.execute()
    return get_pool(source, pending)
