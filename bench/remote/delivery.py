"""Delivery: active followers, likes delivered through Celery, and the delivery script alone."""

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

DELIVERY_SECONDS: Final = 300.0
_LIKED: Final = Relation(favorite=True)


def add_followers(followers: int) -> None:
    """Create an author with active followers, whose cached timelines are loaded and empty."""
    uids, author = _get_followers(followers), _get_author(followers)
    edges = ((uid, author, 1.0) for uid in uids)
    bulk.insert_rows("activity_follow", ("follower", "followee", "at"), edges)
    bulk.execute("ANALYZE activity_follow")
    for first in range(0, followers, 5_000):
        pipe = state_redis().pipeline()
        for uid in uids[first : first + 5_000]:
            pipe.set(presence.key(uid), 1, ex=3_600)
            pipe.zadd(timeline_cache.key(uid), {"": 0})
            pipe.expire(timeline_cache.key(uid), 3_600)
        pipe.execute()


def deliver_likes(followers: int, likes: int, first: int) -> float:
    """Return the seconds until concurrent likes have reached the last follower's timeline."""
    author = _get_author(followers)
    undelivered = [names.title_key(number) for number in range(first, first + likes)]
    start = time.monotonic()
    for title in undelivered:
        relations.set_relation(author, title, _LIKED, source=None, now=time.time())
    while undelivered := [
        title for title in undelivered if get_store().get_job("deliver", author, title) is not None
    ]:
        if time.monotonic() - start > DELIVERY_SECONDS:
            raise RuntimeError(f"timeout: {undelivered} were not delivered in {DELIVERY_SECONDS:.0f} s")
        time.sleep(0.005)
    return time.monotonic() - start


def run_script(followers: int, likes: int, first: int) -> float:
    """Run the delivery script for all followers, once for each like. Return the seconds."""
    uids, author = _get_followers(followers), _get_author(followers)
    start = time.monotonic()
    for number in range(first, first + likes):
        row = TimelineRow(author, f"tv:{number}", int(time.time()), favorite=True)
        for first_follower in range(0, followers, FOLLOWERS_PER_BATCH):
            batch = uids[first_follower : first_follower + FOLLOWERS_PER_BATCH]
            timeline_cache.set_row(batch, row, _LIKED)
    return time.monotonic() - start


def _get_author(followers: int) -> str:
    return names.uid(f"author-of-{followers}-")


def _get_followers(followers: int) -> list[str]:
    return [names.uid(f"follower-{followers}-{number}-") for number in range(followers)]
