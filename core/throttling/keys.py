"""The Redis keys of the request limiter, on REDIS_URL."""

from core.redis.keys import Key
from core.units import DAY

THROTTLE_VIEWER = Key(
    "throttle:{<viewer>}:<scope>",
    "string",
    "throttling",
    "one per viewer who lately asked, and class",
    1 * DAY,
)
THROTTLE_ADDRESS = Key(
    "throttle-address:<address>:<scope>",
    "string",
    "throttling",
    "one per address that lately asked, and class",
    1 * DAY,
)
THROTTLE_LOGIN = Key(
    "throttle-login:<name>", "string", "throttling", "one per name lately tried, as a digest", 1 * DAY
)
