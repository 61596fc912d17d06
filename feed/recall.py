"""Recall, the first stage of a build: the candidates of every source, the viewer's history and served list.

A source that fails costs its slots, not the page: its pool has an `error`. The clients of Redis, SQL and the activity
store have timeouts and circuit breakers of their own, so only the optional budget is enforced here.
"""

import logging
from typing import NamedTuple

from activity.services import history
from activity.services.history import History
from activity.types import StoreUnavailable
from core.deadlines import DeadlinePassed, optional_part
from core.errors import first_line
from core.outages import REDIS_UNAVAILABLE, SqlUnavailable
from core.redis.client import state_redis
from core.redis.reads import Deferred, Reads
from core.telemetry import labelled, timed
from feed import metrics, served_lists
from feed.feed_types import FeedType
from feed.served_lists import ServedList
from feed.sources import Source
from feed.sources.base import BudgetSpent, RecallRequest, check_budget
from feed.types import Pool

logger = logging.getLogger(__name__)


class Recalled(NamedTuple):
    """The result of a recall: pools in the order of the feed type's sources."""

    pools: tuple[Pool, ...]
    history: History
    served_list: ServedList


def recall(request: RecallRequest, feed_type: FeedType, *, session: str) -> Recalled:
    """Read all that a build of `session` starts from. Cost: 1 round trip, and what each read costs when it is cold."""
    uid = request.viewer.uid
    reads = Reads(state_redis())
    served_list = reads.add(served_lists.read(uid, session))
    seen = reads.add(history.read(uid))
    pending = [(source, reads.add(source.read(request))) for source in feed_type.sources]
    with timed(metrics.RECALL_TIME):
        reads.execute()
    with optional_part():
        return Recalled(
            history=seen.value,
            served_list=served_list.value,
            pools=tuple(get_pool(source, deferred) for source, deferred in pending),
        )


def get_pool(source: Source, deferred: Deferred[Pool]) -> Pool:
    """Return a source's pool, with an `error` if the source failed, and record the time it took.

    Raises only if Redis is unavailable or the request deadline is exceeded.
    """
    with timed(labelled(metrics.SOURCE_TIME, source.name)):
        pool = _get_pool(source, deferred)
    if pool.error:
        labelled(metrics.SOURCE_FAILURES, source.name, pool.error).inc()
    return pool


def _get_pool(source: Source, deferred: Deferred[Pool]) -> Pool:
    try:
        if source.makes_more_calls:
            check_budget()
        return deferred.value
    except (*REDIS_UNAVAILABLE, DeadlinePassed):
        raise
    except BudgetSpent:
        return Pool(source.name, error="deadline")
    except (StoreUnavailable, SqlUnavailable) as reason:
        logger.warning("source %s failed: %s (%s)", source.name, type(reason).__name__, first_line(reason))
        return Pool(source.name, error=type(reason).__name__)
    except Exception as reason:
        logger.warning("source %s failed", source.name, exc_info=True)
        return Pool(source.name, error=type(reason).__name__)
