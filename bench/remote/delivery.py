"""Fan-out: followers who are about, a like delivered through Celery, and the chunk script alone."""

import time
from typing import Final

from activity import timeline_cache
from activity.services import presence, relations
from activity.services.delivery import FOLLOWERS_PER_BATCH
from activity.store import get_store
from activity.types import Relation, TimelineRow
from bench import names
from bench.remote import bulk
from core.redis.client import state_redis

DEADLINE: Final = 300.0
_LIKED: Final = Relation(favorite=True)


def add_followers(followers: int) -> None:
    """An actor with so many followers, whose (empty) timelines are loaded."""
    fans, actor = _get_followers(followers), _get_author(followers)
    bulk.insert_rows("activity_follow", ("follower", "followee", "at"), ((fan, actor, 1.0) for fan in fans))
    bulk.execute("ANALYZE activity_follow")
    for start in range(0, followers, 5_000):
        pipe = state_redis().pipeline()
        for fan in fans[start : start + 5_000]:
            pipe.set(presence.key(fan), 1, ex=3_600)
            pipe.zadd(timeline_cache.key(fan), {"": 0})
            pipe.expire(timeline_cache.key(fan), 3_600)
        pipe.execute()


def deliver_likes(followers: int, likes: int, first: int) -> float:
    """Seconds until so many likes at once have reached the last follower's timeline."""
    actor = _get_author(followers)
    waiting = [names.title_key(number) for number in range(first, first + likes)]
    begun = time.monotonic()
    for title in waiting:
        relations.set_relation(actor, title, _LIKED, source=None, now=time.time())
    while waiting := [title for title in waiting if get_store().job("deliver", actor, title) is not None]:
        if time.monotonic() - begun > DEADLINE:
            raise RuntimeError(f"{waiting} were not delivered within {DEADLINE:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - begun


def run_script(followers: int, likes: int, first: int) -> float:
    """Seconds of the chunk script over all followers, for so many likes: the floor."""
    fans, actor = _get_followers(followers), _get_author(followers)
    begun = time.monotonic()
    for number in range(first, first + likes):
        row = TimelineRow(actor, f"tv:{number}", int(time.time()), favorite=True)
        for start in range(0, followers, FOLLOWERS_PER_BATCH):
            timeline_cache.set_row(fans[start : start + FOLLOWERS_PER_BATCH], row, _LIKED)
    return time.monotonic() - begun


def _get_author(followers: int) -> str:
    return names.uid(f"star-{followers}-")


def _get_followers(followers: int) -> list[str]:
    return [names.uid(f"fan-{followers}-{number}-") for number in range(followers)]
