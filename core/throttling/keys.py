"""Redis keys of request limits, on the state Redis."""

from core.redis.keys import Key
from core.units import DAY

THROTTLE_VIEWER = Key(
    "throttle:{<viewer>}:<scope>", "string", "throttling", "one per recently active viewer and scope", 1 * DAY
)
THROTTLE_ADDRESS = Key(
    "throttle-address:<address>:<scope>",
    "string",
    "throttling",
    "one per recently active address and scope",
    1 * DAY,
)
THROTTLE_LOGIN = Key(
    "throttle-login:<name>", "string", "throttling", "one per digest of a recently tried login name", 1 * DAY
)
