"""People who like, undo, follow, unfollow and block over HTTP, and the model of what must come of it."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from activity.types import Relation
from finishd.testing.expected import RELATIONS, ExpectedTimelines
from soak.phone import Phone

FOLLOWED_MOST: Final = 7  # by anybody, and
DEEDS_MOST: Final = 10  # of anybody: 70 rows of a timeline, all of which a cold one is read with
ACTS: Final = {"relate": 45, "undo": 15, "follow": 22, "unfollow": 10, "block": 4, "unblock": 4}
THINK: Final = 0.25


@dataclass(slots=True)
class Company:
    """Everybody, what each did, and a lock for each two: of a follow and a block at once nobody knows the order."""

    uids: Sequence[str]
    titles: Sequence[str]
    model: ExpectedTimelines = field(default_factory=ExpectedTimelines)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _pairs: dict[frozenset[str], threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def between(self, one: str, other: str) -> threading.Lock:
        with self.lock:
            return self._pairs[frozenset((one, other))]

    def titles_of(self, uid: str) -> list[str]:
        with self.lock:
            deeds = self.model.activities.items()
            return sorted(title for (who, title), (deed, _) in deeds if who == uid and not deed.empty)

    def followed_by(self, uid: str) -> list[str]:
        with self.lock:
            return sorted(target for who, target in self.model.follows if who == uid)

    def blocked_by(self, uid: str) -> list[str]:
        with self.lock:
            return sorted(target for who, target in self.model.blocks if who == uid)


@dataclass(slots=True)
class Person:
    """Those who share a phone: each of `uids` acts through it alone."""

    phone: Phone
    company: Company
    uids: Sequence[str]

    def live(self, until: threading.Event) -> None:
        """Act after act, until it is set."""
        while not until.is_set():
            (act,) = self.phone.rng.choices(list(ACTS), weights=list(ACTS.values()))
            uid = self.phone.rng.choice(self.uids)
            getattr(self, act)(uid)
            self.phone.record.did(act)
            until.wait(self.phone.rng.uniform(0.5, 1.5) * THINK)

    def relate(self, uid: str) -> None:
        mine = self.company.titles_of(uid)
        known = mine if len(mine) >= DEEDS_MOST else self.company.titles
        self._state(uid, self.phone.rng.choice(known), self.phone.rng.choice(RELATIONS))

    def undo(self, uid: str) -> None:
        if mine := self.company.titles_of(uid):
            self._state(uid, self.phone.rng.choice(mine), Relation())

    def follow(self, uid: str) -> None:
        mine = self.company.followed_by(uid)
        others = [target for target in self.company.uids if target not in {uid, *mine}]
        if len(mine) >= FOLLOWED_MOST:
            others = mine  # whom they follow already: nothing changes
        target = self.phone.rng.choice(others)
        with self.company.between(uid, target):
            body = {"target_uid": target, "action": "follow"}
            status, answer = self.phone.post("/social/follow", uid, body, also=(400,))
            with self.company.lock:
                apart = self.company.model.is_blocked(uid, target)
                if (status == 400) != apart:
                    self.phone.record.violation(
                        f"{uid} follows {target}, blocked: {apart}, and hears {answer}"
                    )
                if status == 200:
                    self.company.model.follows.add((uid, target))

    def unfollow(self, uid: str) -> None:
        mine = self.company.followed_by(uid)
        target = self.phone.rng.choice(mine or [other for other in self.company.uids if other != uid])
        with self.company.between(uid, target):
            self.phone.post("/social/follow", uid, {"target_uid": target, "action": "unfollow"})
            with self.company.lock:
                self.company.model.follows.discard((uid, target))

    def block(self, uid: str) -> None:
        target = self.phone.rng.choice([other for other in self.company.uids if other != uid])
        with self.company.between(uid, target):
            self.phone.post("/social/block", uid, {"target_uid": target, "action": "block"})
            with self.company.lock:
                self.company.model.blocks.add((uid, target))
                self.company.model.follows -= {(uid, target), (target, uid)}

    def unblock(self, uid: str) -> None:
        if not (mine := self.company.blocked_by(uid)):
            return
        target = self.phone.rng.choice(mine)
        with self.company.between(uid, target):
            self.phone.post("/social/block", uid, {"target_uid": target, "action": "unblock"})
            with self.company.lock:
                self.company.model.blocks.discard((uid, target))

    def _state(self, uid: str, title: str, relation: Relation) -> None:
        media_type, _, number = title.partition(":")
        body = {"title_id": number, "media_type": media_type, "title": title, "status": relation.status}
        self.phone.post(
            "/user-titles/sync", uid, {**body, "is_favorite": relation.favorite, "rating": relation.rating}
        )
        with self.company.lock:
            # When it was is the server's to say: timelines are held against what it says.
            self.company.model.set_relation(uid, title, relation, 0)
