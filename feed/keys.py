"""The Redis keys of indexes and plans, on REDIS_URL."""

from core.redis.keys import Key
from core.units import DAY, MINUTE

INDEX = Key(
    "index:<generation>:<name>", "zset", "feed", "20,000 items; the last four generations", is_derived=True
)
INDEX_POINTER = Key("index-pointer", "string", "feed", "one; never expires, readers need it", is_derived=True)
INDEX_LEASE = Key("index-lease", "string", "feed", "one", 1 * MINUTE)
INDEX_REBUILD_REQUEST = Key("index-rebuild-request", "string", "feed", "one", 10)
SESSION = Key(
    "session:{<viewer>}:<feed>",
    "string",
    "feed",
    "one per viewer and feed type",
    10 * MINUTE,
    is_derived=True,
)
PLAN = Key(
    "plan:{<viewer>}:<session>", "hash", "feed", "receipts of ten chunks", 10 * MINUTE, is_derived=True
)
SLOTS = Key("slots:{<viewer>}:<session>", "list", "feed", "2,000 slots", 10 * MINUTE, is_derived=True)
SERVED = Key("served:{<viewer>}", "list", "feed", "newest 2,000 items served", 1 * DAY)
TRACE = Key("trace:{<viewer>}:<session>:<chunk>", "string", "feed", "sampled plans", 1 * DAY, is_derived=True)
