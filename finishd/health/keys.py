"""Redis keys of readiness, on each of the servers."""

from core.redis.keys import Key
from core.units import MINUTE

PROBE = Key("readiness:<part>", "string", "health", "one per part that is a Redis server", 1 * MINUTE)
