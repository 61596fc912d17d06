"""What a viewer has seen, so that a plan leaves it out."""

from collections.abc import Sequence

from activity.store import store
from finishd.lib import keys
from finishd.lib.redis import store as redis

# A member no item id can equal: it tells a history that is empty from one that was not loaded.
_LOADED = b""


def key(uid: str) -> str:
    """The Redis key (sorted set, item id → epoch seconds) to read whole in one's own pipeline, for `take`."""
    return keys.SEEN.of(viewer=uid)


def take(uid: str, raw: Sequence[bytes]) -> frozenset[str]:
    """The newest 5,000 seen items from what Redis answered; cold ones come from the store and are kept.

    Cost: none when warm; cold 1 store call (1 document) and 1 wait. Raises StoreUnavailable.
    """
    if raw:
        return frozenset(item.decode() for item in raw if item != _LOADED)
    seen = store().seen(uid)
    pipe = redis().pipeline()
    pipe.zadd(key(uid), {_LOADED: 0, **seen})
    pipe.expire(key(uid), keys.SEEN.ttl or 0)
    pipe.execute()
    return frozenset(seen)


def add(uid: str, items: dict[str, int]) -> None:
    """Merge item id → epoch seconds. Idempotent. Cost: 1 store call, 1 wait. Raises StoreUnavailable."""
    store().add_seen(uid, items)
    redis().unlink(key(uid))
