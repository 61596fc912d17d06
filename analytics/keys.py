"""The Redis keys of event streams and dedup keys, on REDIS_URL."""

from core.redis.keys import Key
from core.units import DAY

EVENTS = Key("events:{<shard>}", "stream", "analytics", "ANALYTICS_STREAM_EVENTS in all shards together")
EVENTS_SERVERS = Key(
    "events:{<shard>}:servers", "list", "analytics", "the newest 16 Redis servers that had the stream"
)
EVENTS_STREAM_ID = Key("events:{<shard>}:stream-id", "string", "analytics", "one per shard")
DEDUP_KEYS = Key("dedup:{<partition>}:<window>", "hash", "analytics", "ANALYTICS_MARKS_MB in all", 3 * DAY)
DEDUP_RING = Key("dedup:{<partition>}", "hash", "analytics", "16, of a dozen fields", 3 * DAY)
