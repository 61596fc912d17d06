"""The one place that counts requests and refuses some: on Redis, user and address in one wait.

The algorithm is GCRA, which ATM networks used to police cells (ITU-T I.371): a bucket of `limit` that fills evenly
within its time. Redis keeps one number a bucket, the time at which it will be full again, and forgets it then. A
script reads, decides and writes, so of many at once exactly those are let in for whom there is room.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from core.redis import client
from core.redis.script import Script
from core.throttling.rates import MICROSECONDS, Limits, Rate

# KEYS: a bucket. ARGV: microseconds that one request is worth, and a full bucket. Redis's clock, so that servers need
# not agree on theirs. Answers with the microseconds until the bucket is full, or less than 0: those to wait, negative.
_TAKE: Final = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + ARGV[1]
local over = full - now - ARGV[2]
if over > 0 then
    return -over
end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return full - now
""")


class LimitResult(NamedTuple):
    retry_after: float  # seconds until the request would be allowed; 0 if it is allowed now
    rate_limit_header: str  # value of the RateLimit header; "" without limits


def count_request(limits: Limits, *, user: str | None, address: str | None) -> LimitResult:
    """Count a request with the keys of its user's and its address's bucket; None where it has none.

    A request that one of them refuses counts with the other all the same: the two may be on different servers. Cost:
    1 wait, none without limits. Raises Redis's errors.
    """
    asked = []
    if limits.user is not None and user is not None:
        asked.append(("user", limits.user, user))
    if limits.address is not None and address is not None:
        asked.append(("address", limits.address, address))
    calls = [((key,), (rate.interval, rate.burst)) for _, rate, key in asked]
    return _verdict([(side, rate) for side, rate, _ in asked], _TAKE.run_many(client.state_redis(), calls))


def _verdict(asked: Sequence[tuple[str, Rate]], answers: Sequence[int]) -> LimitResult:
    """Refused by one is refused. `answers` are the script's, or made alike."""
    longest = 0
    states = []
    for (side, rate), answer in zip(asked, answers, strict=True):
        if answer < 0:
            longest = max(longest, -answer)
            # All that it holds but one request, and what is lacking for that one.
            left, until_full = 0, rate.burst - rate.interval - answer
        else:
            left, until_full = (rate.burst - answer) // rate.interval, answer
        states.append(f'"{side}";r={left};t={math.ceil(until_full / MICROSECONDS)}')
    return LimitResult(longest / MICROSECONDS, ", ".join(states))
