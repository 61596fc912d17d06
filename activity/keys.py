"""Redis keys of people, in the state Redis unless an entry says otherwise."""

from core.redis.keys import Key
from core.units import DAY, HOUR, MINUTE

PROFILE = Key(
    "profile:{<viewer>}", "string", "activity", "one per viewer seen in a week", 7 * DAY, is_derived=True
)
SEEN_ITEMS = Key("seen:{<viewer>}", "zset", "activity", "newest 5,000 items", 10 * MINUTE, is_derived=True)
RECENTLY_SEEN = Key(
    "recently-seen:{<viewer>}", "zset", "activity", "newest 5,000 items seen and not yet stored", 1 * HOUR
)
SKIPPED_TITLES = Key(
    "skipped:{<viewer>}", "zset", "activity", "newest 200 titles skipped and not yet stored", 1 * HOUR
)
TIMELINE = Key("timeline:{<viewer>}", "zset", "activity", "400 rows", 7 * DAY, is_derived=True)
TIMELINE_LOAD = Key(
    "timeline-load:{<viewer>}", "string", "activity", "one while a timeline is loaded", 10, is_derived=True
)
TIMELINE_REBUILD = Key(
    "timeline-rebuild:{<viewer>}",
    "string",
    "activity",
    "one while a timeline is rebuilt",
    2 * MINUTE,
    is_derived=True,
)
ACTIVE = Key(
    "active:{<viewer>}", "string", "activity", "one per viewer of the last 30 days", 30 * DAY, is_derived=True
)
PULL_ACTIVITIES = Key(
    "pull-activities:{<viewer>}",
    "zset",
    "activity",
    "100 rows per pull-delivered account",
    1 * DAY,
    is_derived=True,
)
ERASURE_CONTACTS = Key(
    "erasure-contacts:{<viewer>}",
    "set",
    "activity",
    "people whose cached copies may name an erased person",
    1 * DAY,
)
ERASURE_NAME = Key(
    "erasure-name:{<viewer>}", "string", "activity", "one per person who is being erased", 1 * DAY
)
UNDONE = Key("undone", "zset", "activity", "newest 1,000 undone activities", 1 * HOUR, is_derived=True)
UNFOLLOWED = Key(
    "unfollowed:{<viewer>}",
    "zset",
    "activity",
    "200 entries of people whom the viewer unfollowed or blocked lately",
    1 * HOUR,
    is_derived=True,
)
DELIVERY_LAGS = Key("delivery-lags", "list", "activity", "newest 2,000 finished deliveries")
NAME = Key(
    "name:{<viewer>}", "string", "activity", "one per followed person (CACHE_URL)", 7 * DAY, is_derived=True
)

STORE_CALLS = Key("store-calls", "hash", "activity", "three fields per endpoint and task")
