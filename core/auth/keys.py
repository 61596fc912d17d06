"""Redis key of the cached token-signing keys, on the cache Redis."""

from core.redis.keys import Key
from core.units import DAY

AUTH_KEYS = Key("auth:jwks:<project>", "string", "auth", "one key set", 1 * DAY)
