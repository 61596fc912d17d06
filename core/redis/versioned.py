"""Values with a version: a write never replaces a newer one.

A stored value is `<version>|<payload>`. The version is the version of the record that the payload was made from.
"""

from collections.abc import Mapping
from typing import Final

from redis import Redis

from core.redis.script import Script

# KEYS: one or more keys of one hash slot, written together. ARGV: version, TTL in seconds, then a value for each key.
# The version of the first key decides. Returns 0 if it is newer, and then writes nothing.
WRITE_IF_NEWER: Final = Script("""
local header = redis.call('GETRANGE', KEYS[1], 0, 20)
local stored = tonumber(string.match(header, '^(%d+)|'))
if stored and stored > tonumber(ARGV[1]) then return 0 end
for index, key in ipairs(KEYS) do
    redis.call('SET', key, ARGV[index + 2], 'EX', ARGV[2])
end
return 1
""")


def write_if_newer(client: Redis, values: Mapping[str, bytes], *, version: int, ttl: int) -> None:
    """Write payloads by key, unless the first key holds a newer version. An equal version is written again.

    The keys must share a hash slot. Cost: 1 round trip; with a pipeline as `client`, the script is queued.
    """
    packed = [pack_versioned(version, payload) for payload in values.values()]
    WRITE_IF_NEWER.run(client, keys=list(values), args=[version, ttl, *packed])


def pack_versioned(version: int, payload: bytes) -> bytes:
    return b"%d|%b" % (version, payload)


def unpack_versioned(value: bytes) -> bytes | None:
    """Return the payload of a stored value, None if the value has no version."""
    version, separator, payload = value.partition(b"|")
    return payload if separator and version.isdigit() else None
