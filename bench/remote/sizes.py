"""The size of values in Redis, in bytes of MEMORY USAGE."""

from typing import Any

from activity import timeline_cache
from activity.services import profiles
from activity.types import TimelineRow
from bench import names
from content import keys as content_keys
from core.redis.client import cache_redis, state_redis
from feed import keys as feed_keys


def measure_timeline() -> int:
    """Load a full timeline into Redis and return its size."""
    viewer = names.uid("a-full-viewer-")
    rows = [
        TimelineRow(
            names.author(number), names.title_key(600_000 + number), 1_795_000_000 - number, "finished"
        )
        for number in range(timeline_cache.MAX_ROWS)
    ]
    timeline_cache.load(viewer, lambda: rows, limit=timeline_cache.MAX_ROWS)
    return _measure_key(state_redis(), timeline_cache.key(viewer))


def measure_card(item: str) -> int:
    """Return the size of a card and its facts."""
    keys = (content_keys.CARD, content_keys.FACTS)
    return sum(_measure_key(cache_redis(), key.name(item=item)) for key in keys)


def measure_plan(viewer: str, session: str) -> int:
    """Return the size of a plan: slots, header and receipts."""
    keys = (feed_keys.PLAN, feed_keys.SLOTS)
    return sum(_measure_key(state_redis(), key.name(viewer=viewer, session=session)) for key in keys)


def measure_profile(viewer: str) -> int:
    return _measure_key(state_redis(), profiles.key(viewer))


def _measure_key(client: Any, name: str) -> int:
    size = client.memory_usage(name, samples=0)
    if size is None:
        raise RuntimeError(f"no such key: {name}")
    return int(size)
