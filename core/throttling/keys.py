"""The Redis keys of the request limiter, on REDIS_URL."""

from core.redis.keys import Key
from core.units import DAY

LIMIT_VIEWER = Key(
    "limit:{<viewer>}:<scope>", "string", "throttling", "one per viewer who lately asked, and class", 1 * DAY
)
LIMIT_ADDRESS = Key(
    "limit-address:<address>:<scope>",
    "string",
    "throttling",
    "one per address that lately asked, and class",
    1 * DAY,
)
LIMIT_LOGIN = Key(
    "limit-login:<name>", "string", "throttling", "one per name lately tried, as a digest", 1 * DAY
)
