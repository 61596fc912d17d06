"""The sizes of a run: full, or tiny to check that nothing crashes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers of items, people and events, and the duration of loads."""

    name: str
    items: int  # Items of the default deployment.
    many_items: int  # Items of the large deployment.
    sizes: tuple[int, ...]  # Numbers of items for the curves by items.
    followees: tuple[int, ...]
    followers: tuple[int, ...]
    viewers: int  # Viewers for each number of followees.
    seconds: int  # Duration of each load.
    rounds: int  # Number of loads for each measurement.
    likes: int  # Deliveries for each number of followers.
    drained_events: int
    backlog_sizes: tuple[int, ...]  # Numbers of unread events for the curve.
    imported_rows: int
    repetitions: int  # Of operations that are timed one by one.
    compares_servers: bool

    @property
    def default_followees(self) -> int:
        """The number of followees of most viewers."""
        return self.followees[1]

    @property
    def most_followees(self) -> int:
        return self.followees[-1]


FULL: Final = Scale(
    name="full",
    items=50_000,
    many_items=1_000_000,
    sizes=(1_000, 10_000, 50_000, 1_000_000),
    followees=(0, 50, 500, 5_000),
    followers=(10, 100, 1_000, 10_000, 100_000),
    viewers=60,
    seconds=4,
    rounds=2,
    likes=3,
    drained_events=50_000,
    backlog_sizes=(0, 10_000, 100_000, 1_000_000),
    imported_rows=10_000,
    repetitions=9,
    compares_servers=True,
)
QUICK: Final = Scale(
    name="quick",
    items=2_000,
    many_items=4_000,
    sizes=(2_000, 4_000),
    followees=(0, 20, 40, 80),
    followers=(10, 600),
    viewers=4,
    seconds=1,
    rounds=1,
    likes=1,
    drained_events=1_000,
    backlog_sizes=(0, 1_000),
    imported_rows=200,
    repetitions=1,
    compares_servers=False,
)
