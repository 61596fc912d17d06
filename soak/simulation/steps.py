"""The steps of a seed. A step is a plain tuple, so that a trace can be read, cut down and repeated.

Numbers between 0 and 1 choose among what exists when the step runs: a process, a message. So each step keeps its
meaning when others are removed.
"""

import random
from dataclasses import dataclass
from typing import Any, Final

from finishd.testing.expected import RELATIONS

Step = tuple[Any, ...]

PEOPLE: Final = ("ama", "esi", "kofi", "mei", "yaw")
TITLES: Final = tuple(f"movie:{1_000 + number}" for number in range(4))
ITEMS: Final = tuple(f"film-{number:02}" for number in range(16))
EVENT_KINDS: Final = ("view", "view", "complete", "like", "skip")
MAX_STEPS: Final = 120
CALLS_BEFORE_FAILURE: Final = (0, 0, 0, 1, 2, 4, 6)
TO_THE_END: Final = 1_000  # calls; no request or task makes so many
PAUSES: Final = (0.01, 0.01, 0.01, 0.01, 0.3, 0.3, 1, 3, 12, 30)  # seconds

ACTIONS: Final = {
    "like": 8,
    "undo": 4,
    "follow": 6,
    "unfollow": 2,
    "block": 1,
    "unblock": 1,
    "open_feed": 3,
    "scroll": 4,
    "send_events": 3,
    "resend_events": 2,
}
EVENT_ACTIONS: Final = ("send_events", "resend_events")  # slow, because their readers use SQL
EVENT_SHARE: Final = 0.4  # of the seeds
FAULTS: Final = {
    "lose": 3,
    "repeat": 3,
    "kill": 4,
    "fail": 4,
    "outage": 2,
    "forget": 2,
    "empty_redis": 1,
    "roll_back_redis": 2,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What differs between seeds besides their steps: an account with more followers than this uses pull delivery."""

    push_limit: int = 10_000


class Generator:
    """Makes the steps of one seed.

    Each seed leaves out some actions and faults, because a few kinds that meet often find more than all kinds at once.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.people = self.rng.sample(PEOPLE, self.rng.randint(3, len(PEOPLE)))
        self.titles = TITLES[: self.rng.randint(1, len(TITLES))]
        has_events = self.rng.random() < EVENT_SHARE
        actions = {name: n for name, n in ACTIONS.items() if has_events or name not in EVENT_ACTIONS}
        self.actions = self._select(actions, keep=0.8)
        self.faults = self._select(FAULTS, keep=0.5)
        self.fault_share = self.rng.choice([0.0, 0.05, 0.15])
        self.concurrency = self.rng.choice([0.0, 0.2, 0.5])

    def make_limits(self) -> Limits:
        return Limits(push_limit=self.rng.choice([10_000, 10_000, 2]))

    def make_steps(self) -> list[Step]:
        steps: list[Step] = []
        # Without follows nothing is delivered.
        steps += [("follow", *self.rng.sample(self.people, 2)) for _ in range(3)]
        length = self.rng.randint(20, MAX_STEPS)
        while len(steps) < length:
            steps += self._make_steps()
        return steps

    def _select(self, weights: dict[str, int], *, keep: float) -> dict[str, int]:
        kept = {name: weight for name, weight in weights.items() if self.rng.random() < keep and weight}
        return kept or {name: weight for name, weight in weights.items() if weight}

    def _make_steps(self) -> list[Step]:
        """Return a step. A request or a task mostly runs at once, and sometimes only begins to."""
        kind = self.rng.random()
        if kind < self.fault_share:
            return self._make_fault()
        if kind < 0.5:
            return [self._make_action(), ("run", 1.0, self._make_calls())]
        if kind < 0.75:
            return [self._make_task(), ("run", 1.0, self._make_calls())]
        if kind < 0.9:
            return [("run", self._fraction(), self._make_calls())]
        return [("pass", self.rng.choice(PAUSES))]

    def _make_calls(self) -> int:
        return self.rng.randint(0, 12) if self.rng.random() < self.concurrency else TO_THE_END

    def _make_task(self) -> Step:
        task = self.rng.choice(["sweep_jobs", "read_events", "count_events", "flush_histories", *[""] * 6])
        return ("beat", task) if task else ("deliver", self._fraction())

    def _make_action(self) -> Step:
        rng = self.rng
        (name,) = rng.choices(list(self.actions), weights=list(self.actions.values()))
        uid, other = rng.sample(self.people, 2)
        match name:
            case "like":
                return (name, uid, rng.choice(self.titles), rng.randrange(len(RELATIONS)))
            case "undo":
                return (name, uid, rng.choice(self.titles))
            case "open_feed":
                return (name, uid, rng.choice(["for_you", "following"]), rng.choice([2, 5]))
            case "scroll" | "resend_events":
                return (name, uid)
            case "send_events":
                chosen = [(rng.choice(ITEMS), rng.choice(EVENT_KINDS)) for _ in range(rng.randint(1, 3))]
                return (name, uid, tuple(chosen))
        return (name, uid, other)

    def _make_fault(self) -> list[Step]:
        (name,) = self.rng.choices(list(self.faults), weights=list(self.faults.values()))
        match name:
            case "fail":  # one of the next calls of a request or a task that begins
                begins = self._make_action() if self.rng.random() < 0.6 else self._make_task()
                failure = self.rng.choice(["rejected", "reply lost"])
                return [
                    *(begins, ("run", 1.0, self.rng.choice(CALLS_BEFORE_FAILURE))),
                    *((name, 1.0, failure), ("run", 1.0, TO_THE_END)),
                ]
            case "outage":
                part = self.rng.choice(["redis", "redis writes", "store", "broker"])
                return [(name, part, self.rng.choice([0.5, 3, 20]))]
            case "forget":
                return [(name, self.rng.choice(self.people))]
            case "empty_redis":
                return [(name,)]
            case "roll_back_redis":
                return [(name, self.rng.choice([0, 0, 1, 2]))]
        return [(name, self._fraction())]

    def _fraction(self) -> float:
        return round(self.rng.random(), 3)
