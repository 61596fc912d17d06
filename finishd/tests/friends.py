"""A simulation of thirty people who like, undo, follow and block at random, and a model of the expected timelines.

The application runs as in production, with three kinds of random interference: messages are delayed, lost or repeated;
other people act between two store calls of a task; and workers are killed. The clock advances slowly until
`finish_all_work`, so most rechecks run after the writes that they must repair.
"""

import itertools
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

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
    """Probabilities of each kind of interference.

    `interruption` and `kill` apply before and after each store call of a task: another action runs, or the worker is
    killed. `loss` and `repetition` apply to each message.
    """

    interruption: float = 0.04
    kill: float = 0.01
    loss: float = 0.05
    repetition: float = 0.05
    # In the order of `Simulation.run_action`: relations, undos, follows, unfollows, blocks, unblocks, publications.
    action_weights: tuple[int, ...] = (40, 12, 25, 10, 3, 3, 4)


class Simulation:
    """The simulated people, the model, and the random generator."""

    def __init__(
        self, seed: int, messages: Messages, clock: Clock, *, people: int, titles: int, chances: Chances
    ) -> None:
        self.rng = random.Random(seed)
        self.model = ExpectedTimelines()
        self.messages, self.clock, self.chances = messages, clock, chances
        self.uids = [f"person-{number:02}" for number in range(people)]
        self.item_ids = {f"movie:{1_000 + n}": f"film-{n:04}" for n in range(titles) if n % 10 != 9}
        self.titles = sorted(self.item_ids)
        self.inactive: set[str] = set()
        self.steps = 0
        self._nested = 0
        self._in_task = False

    def create_people(self) -> None:
        world.catalogue(len(self.titles) + 10)
        self.model.published = set(self.titles)
        for uid in self.uids:
            create_person(uid)
            presence.mark_active(uid)

    # --- random steps ---

    def step(self) -> None:
        """Let one person act, and perhaps run a message."""
        self.steps += 1
        self.clock.now += self.rng.choice([0, 0, 0.3, 1])
        self.run_action()
        while self.messages.waiting and self.rng.random() < 0.55:
            self.run_random_message()
        if self.rng.random() < 0.05:
            self.read_random_timeline()
        if self.rng.random() < 0.01:
            self.clock.now += 31
            self.sweep()

    def run_action(self) -> None:
        actions = (
            self.set_random_relation,
            self.undo,
            self.follow,
            self.unfollow,
            self.block,
            self.unblock,
            self.toggle_published,
        )
        (action,) = self.rng.choices(actions, weights=self.chances.action_weights)
        action(*self.rng.sample(self.uids, 2))
        if self.rng.random() < 0.02:
            self.deactivate_viewer()

    def set_random_relation(self, uid: str, _: str) -> None:
        title, relation = self.rng.choice(self.titles), self.rng.choice(RELATIONS)
        if self.rng.random() < 0.3 and (uid, title) in self.model.activities:  # change the rating
            previous = self.model.activities[uid, title][0]
            relation = Relation(previous.status, previous.favorite, self.rng.choice([None, 1, 2, 3, 4, 5]))
        self._set_relation(uid, title, relation)

    def undo(self, uid: str, _: str) -> None:
        titles = [title for (author, title) in self.model.activities if author == uid]
        if titles:
            self._set_relation(uid, self.rng.choice(titles), Relation())

    def follow(self, uid: str, target: str) -> None:
        self.inactive.discard(uid)
        try:
            follows.follow(uid, target, now=self.clock.now)
        except ValueError:
            assert self.model.is_blocked(uid, target)
        else:
            self.model.follows.add((uid, target))

    def unfollow(self, uid: str, target: str) -> None:
        if edges := sorted(edge for edge in self.model.follows if edge[0] == uid):
            _, target = self.rng.choice(edges)
        assert follows.unfollow(uid, target, now=self.clock.now) == bool(edges)
        self.model.follows.discard((uid, target))

    def block(self, uid: str, target: str) -> None:
        follows.block(uid, target, now=self.clock.now)
        self.model.blocks.add((uid, target))
        self.model.follows -= {(uid, target), (target, uid)}

    def unblock(self, uid: str, target: str) -> None:
        if blocks := sorted(pair for pair in self.model.blocks if pair[0] == uid):
            _, target = self.rng.choice(blocks)
        follows.unblock(uid, target, now=self.clock.now)
        self.model.blocks.discard((uid, target))

    def toggle_published(self, *_: str) -> None:
        title = self.rng.choice(self.titles)
        status = Item.Status.DRAFT if title in self.model.published else Item.Status.PUBLISHED
        item_ids = list(Item.objects.filter(title_key=title).values_list("id", flat=True))
        items.set_status(item_ids, status, now=world.NOW)
        self.model.published ^= {title}

    def deactivate_viewer(self) -> None:
        """Delete a viewer's presence and cached timeline, as when they expire."""
        uid = self.rng.choice(self.uids)
        state_redis().delete(presence.key(uid), timeline_cache.key(uid))
        self.inactive.add(uid)

    def read_random_timeline(self) -> None:
        """Read the timeline of a viewer. Sometimes delete the cached copy first."""
        uid = self.rng.choice(self.uids)
        if self.rng.random() < 0.3:
            state_redis().delete(timeline_cache.key(uid))
        with suppress(Killed), self._task():
            self._activate_viewer(uid)
            read_timeline(profiles.get(uid))

    # --- the workers ---

    def run_random_message(self) -> None:
        """Run, lose or repeat one message."""
        message = self.messages.pick(self.rng)
        if self.rng.random() < self.chances.repetition:
            self.messages.waiting.append(message)
        if self.rng.random() < self.chances.loss:
            return
        try:
            with self._task():
                self.messages.run(message)
        except Killed:
            if self.rng.random() < 0.5:
                self.messages.waiting.append(message)
        except RuntimeError:  # the record changed on every attempt
            pass

    def sweep(self) -> None:
        self.messages.run(Message("activity.tasks.sweep_jobs", (), {}))

    def interfere(self) -> None:
        """Kill the worker or run another action. Called before and after every store call."""
        if not self._in_task or self._nested > 2:
            return
        if self.rng.random() < self.chances.kill:
            raise Killed
        if self.rng.random() < self.chances.interruption:
            self._nested += 1
            try:
                if self.messages.waiting and self.rng.random() < 0.6:
                    self.run_random_message()
                else:
                    with self._task(False):
                        self.run_action()
            finally:
                self._nested -= 1

    def finish_all_work(self) -> None:
        """Make all viewers active and run all messages and jobs."""
        chances, self.chances = self.chances, Chances(0, 0, 0, 0, ())
        for uid in sorted(self.inactive):
            self._activate_viewer(uid)
        for round_number in itertools.count():
            while self.messages.waiting:
                self.run_random_message()
            if not get_store().get_due_jobs(now=self.clock.now + 1e6, limit=1):
                break
            assert round_number < 50, get_store().get_due_jobs(now=self.clock.now + 1e6)
            self.clock.now += 31
            self.sweep()
        self.chances = chances

    def _set_relation(self, uid: str, title: str, relation: Relation) -> None:
        self.inactive.discard(uid)
        relations.set_relation(uid, title, relation, source=None, now=self.clock.now)
        self.model.set_relation(uid, title, relation, int(self.clock.now))

    def _activate_viewer(self, uid: str) -> None:
        rebuilds.touch_viewer(profiles.get(uid), now=self.clock.now)
        self.inactive.discard(uid)

    @contextmanager
    def _task(self, running: bool = True) -> Iterator[None]:
        before, self._in_task = self._in_task, running
        try:
            yield
        finally:
            self._in_task = before

    def check(self) -> None:
        """Check all timelines. Call it after `finish_all_work`."""
        check_timelines(self.model, self.item_ids, self.uids, now=int(self.clock.now))


def create_person(uid: str) -> None:
    people.sync_name_from_token(uid, uid.title(), None)
