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


def befriend(messages: Messages, *viewers: str, of: str = "kofi") -> None:
    people.sync_name_from_token(of, of.title(), None)
    for viewer in viewers:
        presence.mark_active(viewer)
        follows.follow(viewer, of, now=0)
    messages.run_all()


def later(messages: Messages, clock: Clock) -> None:
    for _ in range(4):
        clock.now += 31
        messages.run(SWEEP)
        messages.run_all()


def told(uid: str, feed: str = "following") -> dict[str, str]:
    """Return the reasons of the items from the source `friends` in a new session."""
    page = get_feed(uid, feed_type=feed, limit=100, refresh="true")
    assert not page["meta"]["degraded"]
    return {i["id"]: i["reason"] for i in page["feed"] if i["source"] in ("friends", "following")}


def forget_sessions(uid: str) -> None:
    """Delete the keys that expire within a minute."""
    for feed in ("for_you", "following"):
        state_redis().delete(keys.SESSION.name(viewer=uid, feed=feed))
