"""Steps of the tests about friends' activities in feeds."""

from activity.services import follows, people, presence, relations
from activity.types import Relation
from core.redis.client import state_redis
from feed import keys
from feed.tests import world
from finishd.testing.api import get_feed
from finishd.testing.people import Clock, Message, Messages

LIKED = Relation(favorite=True)
SWEEP = Message("activity.tasks.sweep_jobs", (), {})


def like(uid: str, number: int, relation: Relation = LIKED, *, now: float | None = None) -> None:
    now = world.NOW.timestamp() - 60 * number if now is None else now
    relations.set_relation(uid, f"movie:{1_000 + number}", relation, source=None, now=now)


def follow(messages: Messages, *viewers: str, followee: str = "kofi") -> None:
    people.sync_name_from_token(followee, followee.title(), None)
    for viewer in viewers:
        presence.mark_active(viewer)
        follows.follow(viewer, followee, now=0)
    messages.run_all()


def sweep_for_two_minutes(messages: Messages, clock: Clock) -> None:
    """Run the sweep every 31 s of the clock, and the messages that it sends."""
    for _ in range(4):
        clock.now += 31
        messages.run(SWEEP)
        messages.run_all()


def get_reasons(uid: str, feed: str = "following") -> dict[str, str]:
    """Return the reasons of the items from the source `friends` in a new session."""
    page = get_feed(uid, feed_type=feed, limit=100, refresh="true")
    assert not page["meta"]["degraded"]
    return {i["id"]: i["reason"] for i in page["feed"] if i["source"] in ("friends", "following")}


def delete_sessions(uid: str) -> None:
    """Delete the session pointers, as when they expire."""
    for feed in ("for_you", "following"):
        state_redis().delete(keys.SESSION.name(viewer=uid, feed=feed))
