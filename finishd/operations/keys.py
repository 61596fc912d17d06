"""The Redis keys that Celery owns, where CELERY_BROKER_URL names the same server."""

from core.redis.keys import Key
from core.units import MINUTE

BROKER_QUEUES = tuple(
    Key(queue, "list", "celery", "task messages")
    for queue in ("sweeps", "delivery", "repeats", "default", "content", "indexes", "events")
)
BROKER_BINDINGS = Key("_kombu.binding.<queue>", "set", "celery", "one per queue")
BROKER_BINDINGS_KEPT = Key("_kombu.binding_permanent.<queue>", "set", "celery", "one per queue")
BROKER_BINDING_DEADLINES = Key(
    "_kombu.binding_deadlines", "zset", "celery", "queues that expire: one per worker"
)
BROKER_UNACKED = Key("unacked", "hash", "celery", "tasks in flight")
BROKER_UNACKED_INDEX = Key("unacked_index", "zset", "celery", "tasks in flight")
BROKER_UNACKED_MUTEX = Key("unacked_mutex", "string", "celery", "one", 5 * MINUTE)
BROKER_CONTROL = Key("<worker>.celery.pidbox", "list", "celery", "questions to a worker", 1 * MINUTE)
