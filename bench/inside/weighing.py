"""What things take in Redis, in bytes of MEMORY USAGE."""

from typing import Any

from activity import timeline_cache
from activity.services import profiles
from activity.types import TimelineRow
from bench import naming
from content import keys as content_keys
from core.redis.client import cache_redis, state_redis
from feed import keys as feed_keys


def timeline() -> int:
    """A full one."""
    viewer = naming.uid("a-full-viewer-")
    rows = [
        TimelineRow(naming.actor(n), naming.title_of(600_000 + n), 1_795_000_000 - n, "finished")
        for n in range(timeline_cache.MAX_ROWS)
    ]
    timeline_cache.load(viewer, lambda: rows, limit=timeline_cache.MAX_ROWS)
    return _bytes(state_redis(), timeline_cache.key(viewer))


def card(item: str) -> int:
    """With its facts."""
    return sum(_bytes(cache_redis(), key.name(item=item)) for key in (content_keys.CARD, content_keys.FACTS))


def plan(viewer: str, session: str) -> int:
    """Slots, header and receipt."""
    return sum(
        _bytes(state_redis(), key.name(viewer=viewer, session=session))
        for key in (feed_keys.PLAN, feed_keys.SLOTS)
    )


def profile(viewer: str) -> int:
    return _bytes(state_redis(), profiles.key(viewer))


def _bytes(client: Any, name: str) -> int:
    found = client.memory_usage(name, samples=0)
    if found is None:
        raise RuntimeError(f"there is no {name}")
    return int(found)
