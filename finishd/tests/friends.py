"""Thirty people who like, undo, follow and block at random, and a model of the expected timelines.

The application runs as in production, with three random influences: when, how often and whether a message reaches a
worker; what happens between two store calls; and when a worker is killed. The clock stands still until `quiet`, so
a second pass comes after everything that it must repair.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from activity import timeline_cache
from activity.services import follows, people, presence, profiles, rebuilds, relations
from activity.store import get_store
from activity.types import Relation
from content.models import Item
from content.services import items
from core.redis.client import state_redis
from feed.tests import world
from finishd.testing.expected import RELATIONS, ExpectedTimelines
from finishd.testing.inspection import read_timeline
from finishd.testing.people import Clock, Message, Messages
from finishd.tests.friends_checks import check_timelines


class Killed(BaseException):
    """A worker process is killed."""


@dataclass
class Chances:
    """Probabilities: between two store calls of a task, that others act or that the worker is killed; and that a
    message is lost or arrives twice."""

    others: float = 0.04
    killed: float = 0.01
    lost: float = 0.05
    twice: float = 0.05
    # relate, undo, follow, unfollow, block, unblock, publish
    acts: tuple[int, ...] = (40, 12, 25, 10, 3, 3, 4)


class World:
    """The people, the model, and the random generator."""

    def __init__(
        self, seed: int, messages: Messages, clock: Clock, *, people: int, titles: int, chances: Chances
    ) -> None:
        self.rng = random.Random(seed)
        self.model = ExpectedTimelines()
        self.messages, self.clock, self.chances = messages, clock, chances
        self.uids = [f"person-{number:02}" for number in range(people)]
        self.film = {f"movie:{1_000 + n}": f"film-{n:04}" for n in range(titles) if n % 10 != 9}
        self.titles = sorted(self.film)
        self.away: set[str] = set()
        self.steps = 0
        self._nested = 0
        self._in_task = False

    def begin(self) -> None:
        world.catalogue(len(self.titles) + 10)
        self.model.published = set(self.titles)
        for uid in self.uids:
            people_greeted(uid)
            presence.mark_active(uid)

    # --- random steps ---

    def step(self) -> None:
        """Let one person act, and perhaps run a message."""
        self.steps += 1
        self.clock.now += self.rng.choice([0, 0, 0.3, 1])
        self.act()
        while self.messages.waiting and self.rng.random() < 0.55:
            self.deliver()
        if self.rng.random() < 0.05:
            self.look()
        if self.rng.random() < 0.01:
            self.clock.now += 31
            self.sweep()

    def act(self) -> None:
        kinds = (self.relate, self.undo, self.follow, self.unfollow, self.block, self.unblock, self.publish)
        (kind,) = self.rng.choices(kinds, weights=self.chances.acts)
        kind(*self.rng.sample(self.uids, 2))
        if self.rng.random() < 0.02:
            self.leave()

    def relate(self, uid: str, _: str) -> None:
        title, relation = self.rng.choice(self.titles), self.rng.choice(RELATIONS)
        if self.rng.random() < 0.3 and (uid, title) in self.model.activities:  # change the rating
            before = self.model.activities[uid, title][0]
            relation = Relation(before.status, before.favorite, self.rng.choice([None, 1, 2, 3, 4, 5]))
        self._state(uid, title, relation)

    def undo(self, uid: str, _: str) -> None:
        mine = [title for (who, title), (relation, _) in self.model.activities.items() if who == uid]
        if mine:
            self._state(uid, self.rng.choice(mine), Relation())

    def follow(self, uid: str, target: str) -> None:
        self.away.discard(uid)
        try:
            follows.follow(uid, target, now=self.clock.now)
        except ValueError:
            assert self.model.is_blocked(uid, target)
        else:
            self.model.follows.add((uid, target))

    def unfollow(self, uid: str, target: str) -> None:
        if mine := sorted(pair for pair in self.model.follows if pair[0] == uid):
            _, target = self.rng.choice(mine)
        assert follows.unfollow(uid, target, now=self.clock.now) == bool(mine)
        self.model.follows.discard((uid, target))

    def block(self, uid: str, target: str) -> None:
        follows.block(uid, target, now=self.clock.now)
        self.model.blocks.add((uid, target))
        self.model.follows -= {(uid, target), (target, uid)}

    def unblock(self, uid: str, target: str) -> None:
        if mine := sorted(pair for pair in self.model.blocks if pair[0] == uid):
            _, target = self.rng.choice(mine)
        follows.unblock(uid, target, now=self.clock.now)
        self.model.blocks.discard((uid, target))

    def publish(self, *_: str) -> None:
        title = self.rng.choice(self.titles)
        status = Item.Status.DRAFT if title in self.model.published else Item.Status.PUBLISHED
        every = list(Item.objects.filter(title_key=title).values_list("id", flat=True))
        items.set_status(every, status, now=world.NOW)
        self.model.published ^= {title}

    def leave(self) -> None:
        """Make a viewer inactive: their keys in Redis have expired."""
        uid = self.rng.choice(self.uids)
        state_redis().delete(presence.key(uid), timeline_cache.key(uid))
        self.away.add(uid)

    def look(self) -> None:
        """Read a timeline, or let it expire first."""
        uid = self.rng.choice(self.uids)
        if self.rng.random() < 0.3:
            state_redis().delete(timeline_cache.key(uid))
        with suppress(Killed), self._task():
            self._here(uid)
            read_timeline(profiles.get(uid))

    # --- the workers ---

    def deliver(self) -> None:
        message = self.messages.pick(self.rng)
        if self.rng.random() < self.chances.twice:
            self.messages.waiting.append(message)
        if self.rng.random() < self.chances.lost:
            return
        try:
            with self._task():
                self.messages.run(message)
        except Killed:
            if self.rng.random() < 0.5:
                self.messages.waiting.append(message)
        except RuntimeError:  # it changed on every attempt, and the worker gave up
            pass

    def sweep(self) -> None:
        self.messages.run(Message("activity.tasks.sweep_jobs", (), {}))

    def between(self) -> None:
        """Run before and after every store call."""
        if not self._in_task or self._nested > 2:
            return
        if self.rng.random() < self.chances.killed:
            raise Killed
        if self.rng.random() < self.chances.others:
            self._nested += 1
            try:
                if self.messages.waiting and self.rng.random() < 0.6:
                    self.deliver()
                else:
                    with self._task(False):
                        self.act()
            finally:
                self._nested -= 1

    def quiet(self) -> None:
        """Make all viewers active and run all messages and jobs."""
        calm, self.chances = self.chances, Chances(0, 0, 0, 0, ())
        for uid in sorted(self.away):
            self._here(uid)
        for round_number in itertools.count():
            while self.messages.waiting:
                self.deliver()
            if not get_store().get_due_jobs(now=self.clock.now + 1e6, limit=1):
                break
            assert round_number < 50, get_store().get_due_jobs(now=self.clock.now + 1e6)
            self.clock.now += 31
            self.sweep()
        self.chances = calm

    def _state(self, uid: str, title: str, relation: Relation) -> None:
        self.away.discard(uid)
        relations.set_relation(uid, title, relation, source=None, now=self.clock.now)
        self.model.set_relation(uid, title, relation, int(self.clock.now))

    def _here(self, uid: str) -> None:
        rebuilds.touch_viewer(profiles.get(uid), now=self.clock.now)
        self.away.discard(uid)

    @contextmanager
    def _task(self, running: bool = True) -> Iterator[None]:
        before, self._in_task = self._in_task, running
        try:
            yield
        finally:
            self._in_task = before

    def check(self) -> None:
        """Check all timelines. Call it after `quiet`."""
        check_timelines(self.model, self.film, self.uids, now=int(self.clock.now))


def people_greeted(uid: str) -> None:
    people.sync_name_from_token(uid, uid.title(), None)


class Interleaved:
    """The real store, with a hook before and after each call."""

    def __init__(self, real: Any, between: Callable[[], None]) -> None:
        self._real, self._between = real, between

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._real, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._between()
            answer = method(*args, **kwargs)
            self._between()
            return answer

        return call
