"""Redis keys of erasures, in the state Redis."""

from core.redis.keys import Key
from core.units import DAY

RECENT_ERASURES = Key(
    "recent-erasures", "zset", "privacy", "keyed hashes of the newest 10,000 erased uids", 30 * DAY
)
