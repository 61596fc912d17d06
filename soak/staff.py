"""Staff who publish, unpublish and boost items, and who start tasks in addition to beat."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soak.deployment import SoakDeployment
from soak.history import Kind, Operation
from soak.phone import Phone

TASKS: Final = (
    "feed.tasks.rebuild_indexes",
    "content.tasks.sweep_cards",
    "activity.tasks.flush_histories",
    "activity.tasks.sweep_jobs",
)
PAUSE_SECONDS: Final = 0.7
ITEMS_PER_ACTION: Final = 5


@dataclass(slots=True)
class Staff:
    """Changes these items only. `unpublished` has the items that are not published now."""

    deployment: SoakDeployment
    phone: Phone
    items: Sequence[str]
    unpublished: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Act until the end of the run. Actions that fail are repeated."""
        rng, stopped = self.phone.rng, self.phone.stopped
        while not stopped.is_set():
            some = rng.sample(self.items, ITEMS_PER_ACTION)
            match rng.choice(("status", "status", "boost", "task")):
                case "status":
                    self._toggle_status(some)
                case "boost":
                    self._call_until_done("set_boost", ids=some, boost=rng.randint(-5, 10))
                case _:
                    self._call_until_done("send_task", task=rng.choice(TASKS))
            self.phone.pause(PAUSE_SECONDS)

    def _toggle_status(self, items: Sequence[str]) -> None:
        """Unpublish the items that are published, and publish the others."""
        to_unpublish = [item for item in items if item not in self.unpublished]
        to_publish = [item for item in items if item in self.unpublished]
        status = self.phone.rng.choice(("draft", "archived"))
        changes: list[tuple[Kind, list[str], str]] = [
            ("unpublish", to_unpublish, status),
            ("publish", to_publish, "published"),
        ]
        for kind, ids, new_status in changes:
            if ids:
                self._call_until_done("set_status", kind, ids=ids, status=new_status)
        self.unpublished ^= set(items)

    def _call_until_done(self, function: str, kind: Kind | None = None, **arguments: Any) -> None:
        """Call a function until it is done. `kind` is what the history calls it, for each of the ids."""
        self.phone.record.count_action(f"staff: {function}")
        is_done = False
        while not is_done:
            start = time.monotonic()
            is_done = self.deployment.django.call(f"soak.remote.{function}", **arguments)
            if kind is not None:
                end, status = time.monotonic(), 200 if is_done else 503
                self.phone.record.add(
                    Operation("staff", kind, item, start, end, status) for item in arguments["ids"]
                )
            if is_done:
                return
            self.phone.pause(PAUSE_SECONDS)
            if self.phone.stopped.is_set() and function == "send_task":
                return
