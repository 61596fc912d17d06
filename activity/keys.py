"""The Redis keys of people, on REDIS_URL unless the entry says otherwise."""

from core.redis.keys import Key
from core.units import DAY, HOUR, MINUTE

PROFILE = Key("profile:{<viewer>}", "string", "activity", "one per viewer seen in a week", 7 * DAY)
SEEN = Key("seen:{<viewer>}", "zset", "activity", "newest 5,000 items", 10 * MINUTE)
FRESH = Key("fresh:{<viewer>}", "zset", "activity", "newest 5,000 items seen and not yet stored", 1 * HOUR)
SKIPPED = Key(
    "skipped:{<viewer>}", "zset", "activity", "newest 200 titles skipped and not yet stored", 1 * HOUR
)
TIMELINE = Key("timeline:{<viewer>}", "zset", "activity", "400 rows", 7 * DAY)
TIMELINE_LOAD = Key("loading:{<viewer>}", "string", "activity", "one while a timeline is loaded", 10)
REBUILDING = Key("rebuilding:{<viewer>}", "string", "activity", "one while a timeline is rebuilt", 2 * MINUTE)
ACTIVE = Key("active:{<viewer>}", "string", "activity", "one per viewer of the last 30 days", 30 * DAY)
RECENT = Key("recent:{<viewer>}", "zset", "activity", "100 rows; many-follower accounts only", 1 * DAY)
LEAVING = Key("leaving:{<viewer>}", "set", "activity", "whom a person who is erased is known to", 1 * DAY)
DELIVERED = Key("delivered", "list", "activity", "newest 2,000 finished deliveries")
NAME = Key(
    "name:{<viewer>}", "string", "activity", "one per person whom somebody follows (CACHE_URL)", 7 * DAY
)

STORE_CALLS = Key("store-calls", "hash", "activity", "three fields per endpoint and task")
