"""What staff do meanwhile: publish, unpublish and boost; rebuilds, sweeps and flushes on top of beat's."""

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
THINK: Final = 0.7
AT_ONCE: Final = 5  # items


@dataclass(slots=True)
class Staff:
    """They unpublish only what they may: `items`."""

    deployment: SoakDeployment
    phone: Phone
    items: Sequence[str]
    hidden: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Until the run is over. What could not be done is tried again."""
        rng, over = self.phone.rng, self.phone.over
        while not over.is_set():
            some = rng.sample(self.items, AT_ONCE)
            match rng.choice(("status", "status", "boost", "task")):
                case "status":
                    self._set_status(some)
                case "boost":
                    self._until_done("set_boost", ids=some, boost=rng.randint(-5, 10))
                case _:
                    self._until_done("send", task=rng.choice(TASKS))
            self.phone.pause(THINK)

    def _set_status(self, some: Sequence[str]) -> None:
        """What is hidden is published, and the other way round."""
        hide = [item for item in some if item not in self.hidden]
        show = [item for item in some if item in self.hidden]
        status = self.phone.rng.choice(("draft", "archived"))
        for ids, wanted in ((hide, status), (show, "published")):
            if ids:
                self._until_done("set_status", ids=ids, status=wanted)
        self.hidden ^= set(some)

    def _until_done(self, what: str, **arguments: Any) -> None:
        self.phone.record.did(f"staff: {what}")
        while not self.deployment.django.call(f"soak.remote.{what}", **arguments):
            self.phone.pause(THINK)
            if self.phone.over.is_set() and what == "send":
                return
