"""Create people with data of every kind, for the tests of erasures."""

import math
import time

from activity import tasks
from activity.services import flushing, follows, people, relations
from activity.store import get_store
from activity.types import Relation
from feed.tests import world
from finishd.privacy import services as privacy
from finishd.testing.api import get_feed
from finishd.testing.events import append_and_read_events, make_event

LIKED = Relation(favorite=True)
UNUSUAL_UIDS = ["a/b", "{}", "*", "a|b", "%", "[a-z]", "né", "👻" * 128, "' OR 1=1 --", "AMA", "am", "drama"]


def deliver_everything() -> None:
    """Run all jobs, also those that are due later."""
    for _ in range(3):
        for job in get_store().get_due_jobs(now=math.inf, limit=1_000):
            getattr(tasks, job.kind).apply(args=(job.subject, job.target, job.version), throw=True)


def make_busy(uid: str, *, fan: str = "kofi", friend: str = "esi", blocked: str = "yaw") -> None:
    """Give a person data of every kind, with the services that the API uses."""
    now = time.time()
    for name in (uid, fan, friend, blocked):
        people.sync_name_from_token(name, f"{name[:20]}'s name", f"https://pictures.example/{name[:20]}.jpg")
        world.choose(name, "Drama", "Comedy")
    follows.follow(uid, friend, now=now)
    follows.follow(fan, uid, now=now)
    follows.follow(fan, friend, now=now)
    follows.follow(blocked, uid, now=now)
    for number in range(6):
        relations.set_relation(uid, f"movie:{1_000 + number}", LIKED, source="search", now=now)
        relations.set_relation(friend, f"movie:{1_010 + number}", LIKED, source=None, now=now)
    relations.set_relation(uid, "movie:1006", Relation("finished", rating=5), source=None, now=now)
    relations.set_relation(uid, "movie:1000", Relation(), source=None, now=now)
    deliver_everything()
    follows.block(uid, blocked, now=now)
    append_and_read_events(make_event(uid, "film-0001", at=int(now)))
    flushing.flush(now=now + 3600, until=math.inf)
    append_and_read_events(
        make_event(uid, "film-0002", at=int(now)), make_event(uid, "film-0003", "skip", at=int(now))
    )
    deliver_everything()


def open_feeds(*uids: str) -> None:
    """Request both feeds, which creates sessions, plans, traces and served lists."""
    for uid in uids:
        for feed in ("for_you", "following"):
            page = get_feed(uid, feed_type=feed, limit=5)
            if page["meta"]["cursor"]:
                get_feed(uid, feed_type=feed, limit=5, cursor=page["meta"]["cursor"])


def erase(uid: str) -> None:
    assert privacy.erase(uid, until=math.inf)
