"""Staff who publish, unpublish and boost items, and who start tasks in addition to beat."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soak.deployment import SoakDeployment
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
        for ids, new_status in ((to_unpublish, status), (to_publish, "published")):
            if ids:
                self._call_until_done("set_status", ids=ids, status=new_status)
        self.unpublished ^= set(items)

    def _call_until_done(self, function: str, **arguments: Any) -> None:
        self.phone.record.count_action(f"staff: {function}")
        while not self.deployment.django.call(f"soak.remote.{function}", **arguments):
            self.phone.pause(PAUSE_SECONDS)
            if self.phone.stopped.is_set() and function == "send_task":
                return
