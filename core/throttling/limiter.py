"""The request limiter: it counts requests on Redis, by user and by address, in one round trip.

The algorithm is GCRA (generic cell rate algorithm, ITU-T I.371): a bucket of `limit` requests that refills evenly
within its period. Redis stores one number per bucket, the time at which it will be full, and expires it at that time.
A script reads, decides and writes, so concurrent requests never exceed a limit.

No bucket can be full later than `now + burst`. A later time was stored before the server's clock went back, for example
because a replica was promoted. It is clamped and stored again, so a client waits for the time of one request.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from core.redis import client
from core.redis.script import Script
from core.throttling.rates import MICROSECONDS, Limits, Rate

# KEYS: a bucket. ARGV: the microseconds of one request, and of a full bucket. The clock is that of Redis, so web
# servers need not agree on the time. Returns the microseconds until the bucket is full, or, as a negative number, those
# until the request would be allowed.
_COUNT_REQUEST: Final = Script("""
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local stored = tonumber(redis.call('GET', KEYS[1]) or 0)
local latest = now + ARGV[2]
local full = math.max(math.min(stored, latest), now) + ARGV[1]
local over = full - latest
if over > 0 then
    if stored > latest then
        redis.call('SET', KEYS[1], string.format('%.0f', latest), 'PX', math.ceil(ARGV[2] / 1000))
    end
    return -over
end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return full - now
""")


class LimitResult(NamedTuple):
    retry_after: float  # seconds until the request would be allowed; 0 if it is allowed now
    rate_limit_header: str  # value of the RateLimit header; "" without limits


def count_request(limits: Limits, *, user: str | None, address: str | None) -> LimitResult:
    """Count a request in the buckets with these keys. None: the request has no such bucket.

    A request that one bucket rejects counts in the other all the same, because the buckets may be on different
    servers. Cost: 1 round trip, none without limits. Raises Redis's errors, unless a bucket rejects the request: that
    needs no write.
    """
    buckets = []
    if limits.user is not None and user is not None:
        buckets.append(("user", limits.user, user))
    if limits.address is not None and address is not None:
        buckets.append(("address", limits.address, address))
    calls = [((key,), (rate.interval, rate.burst)) for _, rate, key in buckets]
    replies = _COUNT_REQUEST.run_many(client.state_redis(), calls, raise_on_error=False)
    errors = [reply for reply in replies if isinstance(reply, Exception)]
    answered = [
        (side, rate, reply)
        for (side, rate, _), reply in zip(buckets, replies, strict=True)
        if not isinstance(reply, Exception)
    ]
    if errors and all(reply >= 0 for _, _, reply in answered):
        raise errors[0]
    return _combine(answered)


def _combine(buckets: Sequence[tuple[str, Rate, int]]) -> LimitResult:
    """Return the result of several buckets: if one rejects the request, it is rejected."""
    longest = 0
    states = []
    for side, rate, reply in buckets:
        if reply < 0:
            longest = max(longest, -reply)
            # A full bucket but for one request, and the time that is missing for that one.
            left, until_full = 0, rate.burst - rate.interval - reply
        else:
            left, until_full = (rate.burst - reply) // rate.interval, reply
        states.append(f'"{side}";r={left};t={math.ceil(until_full / MICROSECONDS)}')
    return LimitResult(longest / MICROSECONDS, ", ".join(states))
