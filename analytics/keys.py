"""The Redis keys of event streams, on REDIS_URL."""

from core.redis.keys import Key
from core.units import DAY

EVENTS = Key("events:{<shard>}", "stream", "analytics", "ANALYTICS_STREAM_EVENTS in all shards together")
EVENTS_BORN = Key("events:{<shard>}:born", "string", "analytics", "one per shard")
MARKS = Key("marks:{<partition>}:<generation>", "hash", "analytics", "ANALYTICS_MARKS_MB in all", 3 * DAY)
MARKS_RING = Key("marks:{<partition>}", "hash", "analytics", "16, of a dozen fields", 3 * DAY)
