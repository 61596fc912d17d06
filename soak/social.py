"""People who like, undo, follow, unfollow and block over HTTP, and the model of the result."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from activity.types import Relation
from finishd.testing.expected import RELATIONS, ExpectedTimelines
from soak.phone import Phone

MAX_FOLLOWEES: Final = 7
MAX_ACTIVITIES: Final = (
    10  # Of one person. A timeline has 70 rows at most, which a load from the store includes.
)
ACTION_WEIGHTS: Final = {
    "set_relation": 45,
    "undo": 15,
    "follow": 22,
    "unfollow": 10,
    "block": 4,
    "unblock": 4,
}
PAUSE_SECONDS: Final = 0.25


@dataclass(slots=True)
class SocialState:
    """All people, the model of what they did, and a lock for each pair of people.

    Without these locks, the result of a follow and a concurrent block would depend on their order on the server.
    """

    uids: Sequence[str]
    titles: Sequence[str]
    model: ExpectedTimelines = field(default_factory=ExpectedTimelines)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _pair_locks: dict[frozenset[str], threading.Lock] = field(
        default_factory=lambda: defaultdict(threading.Lock)
    )

    def get_pair_lock(self, one: str, other: str) -> threading.Lock:
        with self.lock:
            return self._pair_locks[frozenset((one, other))]

    def get_titles(self, uid: str) -> list[str]:
        """Return the titles that a person has a relation to."""
        with self.lock:
            activities = self.model.activities.items()
            return sorted(
                title
                for (author, title), (relation, _) in activities
                if author == uid and not relation.is_empty
            )

    def get_followees(self, uid: str) -> list[str]:
        with self.lock:
            return sorted(followee for follower, followee in self.model.follows if follower == uid)

    def get_followers(self, uid: str) -> list[str]:
        with self.lock:
            return sorted(follower for follower, followee in self.model.follows if followee == uid)

    def get_blocked(self, uid: str) -> list[str]:
        with self.lock:
            return sorted(blocked for blocker, blocked in self.model.blocks if blocker == uid)


@dataclass(slots=True)
class SocialActor:
    """Acts for several people over one phone. No other actor acts for them."""

    phone: Phone
    state: SocialState
    uids: Sequence[str]

    def run(self, stopped: threading.Event) -> None:
        """Act until the event is set."""
        while not stopped.is_set():
            (action,) = self.phone.rng.choices(list(ACTION_WEIGHTS), weights=list(ACTION_WEIGHTS.values()))
            uid = self.phone.rng.choice(self.uids)
            getattr(self, action)(uid)
            self.phone.record.count_action(action)
            stopped.wait(self.phone.rng.uniform(0.5, 1.5) * PAUSE_SECONDS)

    def set_relation(self, uid: str) -> None:
        mine = self.state.get_titles(uid)
        titles = mine if len(mine) >= MAX_ACTIVITIES else self.state.titles
        self._sync(uid, self.phone.rng.choice(titles), self.phone.rng.choice(RELATIONS))

    def undo(self, uid: str) -> None:
        if mine := self.state.get_titles(uid):
            followers = self.state.get_followers(uid)
            self._sync(uid, self.phone.rng.choice(mine), Relation())
            if followers:
                self._read_feed(self.phone.rng.choice(followers))

    def follow(self, uid: str) -> None:
        followees = self.state.get_followees(uid)
        targets = [target for target in self.state.uids if target not in {uid, *followees}]
        if len(followees) >= MAX_FOLLOWEES:
            targets = followees  # Following them again changes nothing.
        target = self.phone.rng.choice(targets)
        with self.state.get_pair_lock(uid, target):
            body = {"target_uid": target, "action": "follow"}
            status, response = self.phone.post("/social/follow", uid, body, accept=(400,))
            with self.state.lock:
                is_blocked = self.state.model.is_blocked(uid, target)
                if (status == 400) != is_blocked:
                    self.phone.record.add_violation(
                        f"{uid} follows {target}, blocked: {is_blocked}, but the response is {response}"
                    )
                if status == 200:
                    self.state.model.follows.add((uid, target))

    def unfollow(self, uid: str) -> None:
        target = self.phone.rng.choice(self.state.get_followees(uid) or self._get_others(uid))
        with self.state.get_pair_lock(uid, target):
            self.phone.post("/social/follow", uid, {"target_uid": target, "action": "unfollow"})
            with self.state.lock:
                self.state.model.follows.discard((uid, target))
        self._read_feed(uid)

    def block(self, uid: str) -> None:
        target = self.phone.rng.choice(self._get_others(uid))
        with self.state.get_pair_lock(uid, target):
            self.phone.post("/social/block", uid, {"target_uid": target, "action": "block"})
            with self.state.lock:
                self.state.model.blocks.add((uid, target))
                self.state.model.follows -= {(uid, target), (target, uid)}
        self._read_feed(self.phone.rng.choice((uid, target)))

    def unblock(self, uid: str) -> None:
        if not (blocked := self.state.get_blocked(uid)):
            return
        target = self.phone.rng.choice(blocked)
        with self.state.get_pair_lock(uid, target):
            self.phone.post("/social/block", uid, {"target_uid": target, "action": "unblock"})
            with self.state.lock:
                self.state.model.blocks.discard((uid, target))

    def _read_feed(self, viewer: str) -> None:
        """Read a feed at once after something was taken back. It must not show that any more."""
        self.phone.get("/feed", viewer, feed_type="following", limit=100, refresh="true")

    def _get_others(self, uid: str) -> list[str]:
        return [other for other in self.state.uids if other != uid]

    def _sync(self, uid: str, title: str, relation: Relation) -> None:
        media_type, _, number = title.partition(":")
        body = {
            "title_id": number,
            "media_type": media_type,
            "title": title,
            "status": relation.status,
            "is_favorite": relation.favorite,
            "rating": relation.rating,
        }
        self.phone.post("/user-titles/sync", uid, body)
        with self.state.lock:
            # The server determines the time. Timelines are compared with the times that it stored.
            self.state.model.set_relation(uid, title, relation, 0)
