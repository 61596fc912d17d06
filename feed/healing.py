"""When there is no index (an emptied Redis): ask a worker to build one, without asking a thousand times."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

from finishd.lib import keys
from finishd.lib.redis import store as redis

logger = logging.getLogger(__name__)


def ask_for_rebuild() -> bool:
    """Queue one rebuild per `INDEX_ASKED` TTL; True if this call did. A dead broker is logged, not raised.

    Cost: 1 wait and, for the one who asks, a message.
    """
    asked = keys.INDEX_ASKED
    if not redis().set(asked.of(), 1, nx=True, ex=asked.ttl):
        return False
    try:
        current_app.send_task("feed.tasks.rebuild_indexes")
    except OperationalError:
        logger.warning("there is no index, and no broker to ask for one")
        return False
    return True
