"""A heartbeat in the state Redis: how much of what was written is there after a restart or a failover.

Append-only file and replication both lose the end of the writes. So everything that was written before the heartbeat
that is found afterwards is there. A heartbeat is `<stamp> <number> <epoch seconds>`, and is written each second by
beat alone. It continues only on the server whose stamp it has; another server keeps the one that
it has, until beat has recorded it.
"""

from typing import Final, NamedTuple

from core.redis.client import state_redis
from core.redis.keys import Key
from core.redis.script import Script

HEARTBEAT: Final = Key("heartbeat", "string", "recovery", "one; never expires, a missing one is a loss")


class Heartbeat(NamedTuple):
    """The `number` of a heartbeat rises by one each time. `at` is epoch seconds, by the clock of beat."""

    stamp: str
    number: int
    at: float

    def __str__(self) -> str:
        return f"{self.stamp} {self.number} {self.at:.3f}"

    @classmethod
    def parsed(cls, raw: bytes) -> "Heartbeat | None":
        """Return the heartbeat of a stored value, None if it is unreadable. Further words are ignored."""
        try:
            stamp, number, at = raw.decode().split(" ")[:3]
            return cls(stamp, int(number), float(at))
        except ValueError:
            return None


class Found(NamedTuple):
    """The stamp of the server, and the heartbeat that it has; None if it has none."""

    stamp: str
    heartbeat: Heartbeat | None


# KEYS: heartbeat. ARGV: the lowest number that may continue, time. Returns the stamp of the server and its heartbeat.
_BEAT = Script("""
local info = redis.pcall('INFO', 'server')
local stamp = type(info) == 'string' and string.match(info, 'run_id:(%x%x%x%x%x%x%x%x)') or '00000000'
local found = redis.call('GET', KEYS[1]) or ''
local last, number = string.match(found, '^(%S+) (%d+) ')
if last == stamp and tonumber(number) >= tonumber(ARGV[1]) then
  found = string.format('%s %.0f %s', stamp, number + 1, ARGV[2])
  redis.call('SET', KEYS[1], found)
  return {stamp, found, 1}
end
return {stamp, found, 0}
""")

# KEYS: heartbeat. ARGV: the heartbeat that was found, the new one. Returns 0 if another process was first.
_REPLACE = Script("""
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")


def write(*, after: int, now: float) -> tuple[Found, bool]:
    """Write the next heartbeat, and return it and True.

    If the server was restarted or replaced, or its heartbeat is missing or below `after`, write nothing and return what
    was found and False. Cost: 1 round trip. Raises Redis errors.
    """
    stamp, raw, written = _BEAT.run(state_redis(), keys=[HEARTBEAT.name()], args=[after, f"{now:.3f}"])
    return Found(stamp.decode(), Heartbeat.parsed(raw)), bool(written)


def replace(found: Heartbeat | None, new: Heartbeat) -> bool:
    """Begin again with a heartbeat on this server, unless another process has. Cost: 1 round trip."""
    args = ["" if found is None else str(found), str(new)]
    return bool(_REPLACE.run(state_redis(), keys=[HEARTBEAT.name()], args=args))
