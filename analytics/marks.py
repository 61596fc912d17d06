"""Marks: who was first to claim something, by which a repeated event is told, and one vote from two.

A mark is kept under a digest and names its holder: the event (shard and stream id) that claimed it first. Asking
again on behalf of the same event gives the same answer, so a batch that is repeated after a crash is counted as it
would have been. A claim of a higher rank than the mark's takes it over (a vote for something stronger).

Marks lie in hashes, five generations of twelve hours for each of 16 partitions: so they live 48 hours at least,
in less than half the memory of a key each, and the oldest generation can be dropped whole when the newest is full
before its time. That happened where `Health.evicted` is not 0.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.conf import settings

from analytics import keys
from core.redis.client import state_redis
from core.redis.script import Script
from core.units import HOUR

PARTITIONS: Final = 16
GENERATIONS: Final = 5
GENERATION_SECONDS: Final = 12 * HOUR
KEPT_SECONDS: Final = (GENERATIONS - 1) * GENERATION_SECONDS
MARK_BYTES: Final = 110  # what one takes in memory, as a test measures
AT_ONCE: Final = 500  # claims of one script call: more would let others wait too long

# KEYS: ring, then its generations. ARGV: now, seconds of a generation, entries of a full one, seconds to keep, ttl,
# then (digest, holder, rank) of each claim.
# Answers for each claim: -1 nothing held it, a rank: it took over from that one, -2: it is held.
_CLAIM = Script("""
local ring, now, count = KEYS[1], tonumber(ARGV[1]), #KEYS - 1
local state = redis.call('HMGET', ring, 'newest', 'since')
local newest, since = tonumber(state[1]), tonumber(state[2])
if not newest or now - since >= tonumber(ARGV[2]) or
   redis.call('HLEN', KEYS[newest + 2]) >= tonumber(ARGV[3]) then
  local following = newest and (newest + 1) % count or 0
  local dropped = redis.call('HLEN', KEYS[following + 2])
  local ended = tonumber(redis.call('HGET', ring, 'ended' .. following) or now)
  if dropped > 0 and now - ended < tonumber(ARGV[4]) then
    redis.call('HINCRBY', ring, 'evicted', dropped)
  end
  redis.call('UNLINK', KEYS[following + 2])
  if newest then redis.call('HSET', ring, 'ended' .. newest, now) end
  redis.call('HSET', ring, 'newest', following, 'since', now)
  newest = following
end
local digests = {}
for place = 6, #ARGV, 3 do digests[#digests + 1] = ARGV[place] end
local held, where, changed = {}, {}, {}
for generation = 0, count - 1 do
  local values = redis.call('HMGET', KEYS[generation + 2], unpack(digests))
  for place, value in ipairs(values) do
    if value then held[digests[place]] = value; where[digests[place]] = generation end
  end
end
local answers = {}
for place = 6, #ARGV, 3 do
  local digest, holder, rank = ARGV[place], ARGV[place + 1], tonumber(ARGV[place + 2])
  local last, answer = -1, nil
  if held[digest] then
    for other, height in string.gmatch(held[digest], '([^:,]+):(%d+)') do
      if other == holder then answer = last end
      last = tonumber(height)
    end
  end
  if not answer then
    if last >= rank then
      answer = -2
    else
      answer = last
      held[digest] = (held[digest] and held[digest] .. ',' or '') .. holder .. ':' .. rank
      where[digest] = where[digest] or newest
      changed[where[digest]] = changed[where[digest]] or {}
      table.insert(changed[where[digest]], digest)
    end
  end
  answers[#answers + 1] = answer
end
for generation, list in pairs(changed) do
  local pairs_of = {}
  for _, digest in ipairs(list) do
    pairs_of[#pairs_of + 1] = digest
    pairs_of[#pairs_of + 1] = held[digest]
  end
  redis.call('HSET', KEYS[generation + 2], unpack(pairs_of))
  redis.call('EXPIRE', KEYS[generation + 2], ARGV[5])
end
redis.call('EXPIRE', ring, ARGV[5])
return answers
""")

FRESH: Final = -1
HELD: Final = -2


class Claim(NamedTuple):
    """`holder` claims what `digest` stands for; of two claims the first counts, unless the second's rank is higher."""

    digest: bytes
    holder: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """Marks kept, and how many had to go before they were 48 hours old."""

    kept: int
    evicted: int


def holder(shard: int, event_id: str) -> str:
    """An event's name over all shards."""
    return f"{shard}/{event_id}"


def claim(claims: Sequence[Claim], *, now: float | None = None) -> list[int]:
    """For each claim FRESH, HELD, or the rank that it took over from, in this order.

    Repeating a claim gives the same answer again. Cost: 1 wait (and 1 for the script's name), on a cluster one per
    node; nothing for no claims.
    """
    if not claims:
        return []
    places: dict[int, list[int]] = defaultdict(list)
    for place, entry in enumerate(claims):
        places[entry.digest[0] % PARTITIONS].append(place)
    chunks = [
        (partition, mine[start : start + AT_ONCE])
        for partition, mine in sorted(places.items())
        for start in range(0, len(mine), AT_ONCE)
    ]
    bounds = _bounds(time.time() if now is None else now)
    pipe = state_redis().pipeline()
    for partition, chunk in chunks:
        args = [value for place in chunk for value in claims[place]]
        _CLAIM.run(pipe, keys=_names(partition), args=[*bounds, *args])
    answers = [FRESH] * len(claims)
    for (_, chunk), found in zip(chunks, pipe.execute(), strict=True):
        for place, answer in zip(chunk, found, strict=True):
            answers[place] = answer
    return answers


def health() -> Health:
    """Over all partitions. Cost: 1 wait."""
    pipe = state_redis().pipeline()
    for partition in range(PARTITIONS):
        ring, *generations = _names(partition)
        pipe.hget(ring, "evicted")
        for name in generations:
            pipe.hlen(name)
    answers = pipe.execute()
    width = GENERATIONS + 1
    evicted = sum(int(answers[place] or 0) for place in range(0, len(answers), width))
    kept = sum(answer for place, answer in enumerate(answers) if place % width)
    return Health(kept, evicted)


def _bounds(now: float) -> list[Any]:
    room = settings.ANALYTICS_MARKS_MB * 1024 * 1024 // MARK_BYTES
    full = max(room // PARTITIONS // GENERATIONS, 1)
    return [int(now), GENERATION_SECONDS, full, KEPT_SECONDS, keys.MARKS.ttl]


def _names(partition: int) -> list[str]:
    generations = (keys.MARKS.name(partition=partition, generation=number) for number in range(GENERATIONS))
    return [keys.MARKS_RING.name(partition=partition), *generations]
