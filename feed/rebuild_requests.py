"""Requests for an index rebuild when there is no index, for example after Redis lost its data."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from core.redis.client import state_redis
from feed import keys

logger = logging.getLogger(__name__)


def queue_index_rebuild() -> bool:
    """Queue a rebuild unless one was requested within the key's TTL; return whether this call did.

    If the broker is unavailable, this logs a warning. Cost: 1 round trip, and 1 message if it queues.
    """
    key = keys.INDEX_REBUILD_REQUEST
    if not state_redis().set(key.name(), 1, nx=True, ex=key.ttl):
        return False
    try:
        current_app.send_task("feed.tasks.rebuild_indexes")
    except OperationalError:
        logger.warning("no index, and broker unavailable: rebuild not queued")
        return False
    return True
