"""How much is measured: the whole, or something tiny that only shows that nothing crashes."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scale:
    """`items`: the catalogue that most is measured on, `many`: the large one, `sizes`: of the curve over items.
    `seconds` and `rounds` of each load; `viewers` of each number of `followees`."""

    name: str
    items: int
    many: int
    sizes: tuple[int, ...]
    followees: tuple[int, ...]
    followers: tuple[int, ...]
    viewers: int
    seconds: int
    rounds: int
    likes: int  # that are delivered for each number of followers
    drained: int  # events
    waiting: tuple[int, ...]  # events, of the curve
    imported: int  # rows
    tries: int  # of what is timed one by one
    servers: bool  # whether servers are compared

    @property
    def few(self) -> int:
        """Followees that most viewers have."""
        return self.followees[1]

    @property
    def most(self) -> int:
        return self.followees[-1]


FULL: Final = Scale(
    name="full",
    items=50_000,
    many=1_000_000,
    sizes=(1_000, 10_000, 50_000, 1_000_000),
    followees=(0, 50, 500, 5_000),
    followers=(10, 100, 1_000, 10_000, 100_000),
    viewers=60,
    seconds=4,
    rounds=2,
    likes=3,
    drained=50_000,
    waiting=(0, 10_000, 100_000, 1_000_000),
    imported=10_000,
    tries=9,
    servers=True,
)
QUICK: Final = Scale(
    name="quick",
    items=2_000,
    many=4_000,
    sizes=(2_000, 4_000),
    followees=(0, 20, 40, 80),
    followers=(10, 600),
    viewers=4,
    seconds=1,
    rounds=1,
    likes=1,
    drained=1_000,
    waiting=(0, 1_000),
    imported=200,
    tries=1,
    servers=False,
)
