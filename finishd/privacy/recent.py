"""The record of recent erasures, in Redis, from which `after_restore` repeats those that a backup lacks.

A restore of SQL also removes the erasure requests, so Redis keeps this record. It contains no uid, but an HMAC of each
uid with SECRET_KEY. With the key, one can only test whether a known uid is in the record.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, cast

from django.conf import settings
from django.utils.crypto import salted_hmac

from activity.services import privacy
from core.redis.client import state_redis
from core.units import DAY
from finishd.privacy.keys import RECENT_ERASURES

KEPT_SECONDS: Final = RECENT_ERASURES.ttl or 0
KEPT_DAYS: Final = KEPT_SECONDS // DAY
MAX_KEPT: Final = 10_000
_SALT: Final = "finishd.privacy.recent"


def record(uid: str, *, now: datetime) -> None:
    """Record that a person's erasure runs. Idempotent. Cost: 1 round trip. Raises Redis's errors."""
    name = RECENT_ERASURES.name()
    pipe = state_redis().pipeline()
    pipe.zadd(name, {_hash(uid, settings.SECRET_KEY): now.timestamp()})
    pipe.zremrangebyscore(name, "-inf", now.timestamp() - KEPT_SECONDS)
    pipe.zremrangebyrank(name, 0, -MAX_KEPT - 1)
    pipe.expire(name, KEPT_SECONDS)
    pipe.execute()


def iterate_erased_people(*, now: datetime) -> Iterator[str]:
    """Yield the uids of people in the activity store whose erasure ran within the last 30 days.

    Cost: 1 round trip, and 1 store call per 500 people if there is a record. Raises StoreUnavailable and Redis's
    errors.
    """
    oldest = now.timestamp() - KEPT_SECONDS
    hashes = set(
        cast("list[bytes]", state_redis().zrange(RECENT_ERASURES.name(), oldest, "+inf", byscore=True))
    )
    if hashes:
        yield from (
            uid for uid in privacy.iterate_people() if not hashes.isdisjoint(_hash_with_all_keys(uid))
        )


def _hash_with_all_keys(uid: str) -> Iterable[bytes]:
    """Return the hashes of a uid with SECRET_KEY and the keys that it replaced."""
    return [_hash(uid, key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def _hash(uid: str, key: str) -> bytes:
    return salted_hmac(_SALT, uid, secret=key, algorithm="sha256").digest()
