"""Dedup keys: they detect repeated events and limit each viewer to one vote.

A dedup key is a digest. Redis stores it with its owner, the event (shard and entry id) that registered it first.
Registering again for the same owner gives the same result, so a batch that is repeated after a crash is counted in
the same way. An entry with a higher rank takes a key over: a stronger vote replaces a weaker one.

Each of 16 partitions keeps its keys in a ring of five hashes, the dedup windows. A window lasts twelve hours, so a key
is kept for at least 48 hours, and in less than half the memory of a Redis key of its own. When a window is full before
its time, the oldest one is deleted early; `DedupHealth.evicted` counts the keys that were lost that way.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.conf import settings
from redis.client import Pipeline

from analytics import keys
from core.redis.client import state_redis
from core.redis.reads import Read, Reads
from core.redis.script import Script
from core.units import HOUR

PARTITIONS: Final = 16
WINDOWS: Final = 5
WINDOW_SECONDS: Final = 12 * HOUR
RETENTION_SECONDS: Final = (WINDOWS - 1) * WINDOW_SECONDS
BYTES_PER_KEY: Final = 110  # memory that a dedup key takes in Redis; a test measures it
ENTRIES_PER_CALL: Final = 500  # a longer script call would block other clients for too long

# KEYS: ring, then its windows. ARGV: now, seconds of a window, keys in a full window, seconds to keep a key, TTL, then
# (key, owner, rank) of each entry.
# Returns for each entry: -1 if the key is new, -2 if it is a duplicate, else the rank that this entry replaced.
# The value of a key is the list of all its owners with their ranks: `<owner>:<rank>,<owner>:<rank>`.
# An unreadable number in the ring counts as absent, and so does a window that this version does not have.
# It may write to a full Redis: the entries that it registers are deleted from their stream next, and the number of keys
# is limited.
_REGISTER = Script("""#!lua flags=allow-oom
local function whole(text)
  return text and string.match(text, '^%d+$') and #text < 16 and tonumber(text) or nil
end
local ring, now, count = KEYS[1], tonumber(ARGV[1]), #KEYS - 1
local state = redis.call('HMGET', ring, 'newest', 'since')
local newest, since = whole(state[1]), whole(state[2])
if not newest or newest >= count or not since or now - since >= tonumber(ARGV[2]) or
   redis.call('HLEN', KEYS[newest + 2]) >= tonumber(ARGV[3]) then
  local following = newest and (newest + 1) % count or 0
  local dropped = redis.call('HLEN', KEYS[following + 2])
  local ended = whole(redis.call('HGET', ring, 'ended' .. following)) or now
  if dropped > 0 and now - ended < tonumber(ARGV[4]) then
    local evicted = whole(redis.call('HGET', ring, 'evicted')) or 0
    redis.call('HSET', ring, 'evicted', string.format('%.0f', evicted + dropped))
  end
  redis.call('UNLINK', KEYS[following + 2])
  if newest then redis.call('HSET', ring, 'ended' .. newest, now) end
  redis.call('HSET', ring, 'newest', following, 'since', now)
  newest = following
end
local dedup_keys = {}
for index = 6, #ARGV, 3 do dedup_keys[#dedup_keys + 1] = ARGV[index] end
local owners, window_of, changed = {}, {}, {}
for window = 0, count - 1 do
  local values = redis.call('HMGET', KEYS[window + 2], unpack(dedup_keys))
  for index, value in ipairs(values) do
    if value then owners[dedup_keys[index]] = value; window_of[dedup_keys[index]] = window end
  end
end
local results = {}
for index = 6, #ARGV, 3 do
  local key, owner, rank = ARGV[index], ARGV[index + 1], tonumber(ARGV[index + 2])
  local highest, result = -1, nil
  if owners[key] then
    for other, other_rank in string.gmatch(owners[key], '([^:,]+):(%d+)') do
      if other == owner then result = highest end
      highest = tonumber(other_rank)
    end
  end
  if not result then
    if highest >= rank then
      result = -2
    else
      result = highest
      owners[key] = (owners[key] and owners[key] .. ',' or '') .. owner .. ':' .. rank
      window_of[key] = window_of[key] or newest
      changed[window_of[key]] = changed[window_of[key]] or {}
      table.insert(changed[window_of[key]], key)
    end
  end
  results[#results + 1] = result
end
for window, list in pairs(changed) do
  local fields = {}
  for _, key in ipairs(list) do
    fields[#fields + 1] = key
    fields[#fields + 1] = owners[key]
  end
  redis.call('HSET', KEYS[window + 2], unpack(fields))
  redis.call('EXPIRE', KEYS[window + 2], ARGV[5])
end
redis.call('EXPIRE', ring, ARGV[5])
return results
""")

NEW: Final = -1
DUPLICATE: Final = -2


class DedupEntry(NamedTuple):
    """A dedup key to register, for its owner. The first owner keeps a key unless a later one has a higher rank."""

    key: bytes
    owner: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class DedupHealth:
    """The number of dedup keys that are stored, and of those that were evicted before 48 hours."""

    stored: int
    evicted: int


def make_owner(shard: int, entry_id: str) -> str:
    """Return the owner name of an event, which is unique across shards."""
    return f"{shard}/{entry_id}"


def register(entries: Sequence[DedupEntry], *, now: float) -> list[int]:
    """Register dedup keys, and return NEW, DUPLICATE or the replaced rank for each entry, in the same order.

    Idempotent: an entry that is registered again gets the same result. `now` is epoch seconds.
    Cost: 2 round trips, because redis-py checks first that Redis has the script; none without entries. Raises Redis
    errors.
    """
    if not entries:
        return []
    indexes_by_partition: dict[int, list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        indexes_by_partition[entry.key[0] % PARTITIONS].append(index)
    chunks = [
        (partition, indexes[start : start + ENTRIES_PER_CALL])
        for partition, indexes in sorted(indexes_by_partition.items())
        for start in range(0, len(indexes), ENTRIES_PER_CALL)
    ]
    limits = _script_limits(now)
    pipe = state_redis().pipeline()
    for partition, chunk in chunks:
        args = [value for index in chunk for value in entries[index]]
        _REGISTER.run(pipe, keys=_key_names(partition), args=[*limits, *args])
    results = [NEW] * len(entries)
    for (_, chunk), replies in zip(chunks, pipe.execute(), strict=True):
        for index, result in zip(chunk, replies, strict=True):
            results[index] = result
    return results


def get_health() -> DedupHealth:
    """Return the sums over all partitions. Cost: 1 round trip. Raises Redis errors."""
    reads = Reads(state_redis())
    partitions = [reads.add(_read_partition_health(partition)) for partition in range(PARTITIONS)]
    reads.execute()
    return DedupHealth(
        stored=sum(partition.value.stored for partition in partitions),
        evicted=sum(partition.value.evicted for partition in partitions),
    )


def _read_partition_health(partition: int) -> Read[DedupHealth]:
    ring, *windows = _key_names(partition)

    def queue(pipe: Pipeline) -> None:
        pipe.hget(ring, "evicted")
        for name in windows:
            pipe.hlen(name)

    return Read(queue, lambda evicted, *lengths: DedupHealth(sum(lengths), _parse_number(evicted)))


def _parse_number(raw: bytes | None) -> int:
    return int(raw) if raw and raw.isdigit() else 0


def _script_limits(now: float) -> list[Any]:
    max_keys = settings.ANALYTICS_MARKS_MB * 1024 * 1024 // BYTES_PER_KEY
    keys_per_window = max(max_keys // PARTITIONS // WINDOWS, 1)
    return [int(now), WINDOW_SECONDS, keys_per_window, RETENTION_SECONDS, keys.DEDUP_KEYS.ttl]


def _key_names(partition: int) -> list[str]:
    windows = (keys.DEDUP_KEYS.name(partition=partition, window=number) for number in range(WINDOWS))
    return [keys.DEDUP_RING.name(partition=partition), *windows]
