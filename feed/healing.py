"""When there is no index (an emptied Redis): ask a worker to build one, without asking a thousand times."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from core.redis.client import state_redis
from feed import keys

logger = logging.getLogger(__name__)


def ask_for_rebuild() -> bool:
    """Queue one rebuild per `INDEX_ASKED` TTL; True if this call did. A dead broker is logged, not raised.

    Cost: 1 wait and, for the one who asks, a message.
    """
    asked = keys.INDEX_ASKED
    if not state_redis().set(asked.name(), 1, nx=True, ex=asked.ttl):
        return False
    try:
        current_app.send_task("feed.tasks.rebuild_indexes")
    except OperationalError:
        logger.warning("there is no index, and no broker to ask for one")
        return False
    return True
