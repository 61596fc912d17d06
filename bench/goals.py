"""The goals. A full run has one row for each goal, with the same name."""

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["at least", "at most"]
LEAST: Final[Direction] = "at least"
MOST: Final[Direction] = "at most"


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for a row of a family. `value` is a ratio unless there is a `unit`."""

    name: str
    family: str
    value: float
    direction: Direction
    description: str
    unit: str = ""

    def is_met(self, value: float) -> bool:
        return value >= self.value if self.direction == LEAST else value <= self.value


GOALS: Final = (
    Goal("pages.throughput", "pages", 0.75, LEAST, "next page of 10: pages/s, relative to its floor"),
    Goal("pages.p99", "pages", 1.5, MOST, "next page of 10: p99, relative to its floor"),
    Goal("pages.many_items", "pages", 0.9, LEAST, "next page at 1,000,000 items, relative to 50,000"),
    Goal("pages.many_followees", "pages", 0.9, LEAST, "next page at 5,000 followees, relative to 50"),
    Goal("pages.limit_40", "pages", 0.9, LEAST, "next page of 40: ratio to its floor, relative to 10"),
    Goal(
        "overload.goodput", "overload", 0.9, LEAST, "next pages/s at 4 times the peak, relative to the peak"
    ),
    Goal("overload.late", "overload", 1_100.0, MOST, "p99 of all responses at 4 times the peak", "ms"),
    Goal("first_pages.p50", "first_pages", 8.0, MOST, "first page, new plan: p50, relative to the next page"),
    Goal("first_pages.followees", "first_pages", 1.15, MOST, "first page: 50 and 5,000 followees"),
    Goal("first_pages.items", "first_pages", 1.15, MOST, "first page: 50,000 and 1,000,000 items"),
    Goal("memory.growth", "memory", 1.10, MOST, "a web worker: 1,000,000 items, relative to 1,000"),
    Goal("memory.resident", "memory", 120.0, MOST, "a web worker, resident, at 1,000,000 items", "MB"),
    Goal("fanout.throughput", "fanout", 0.5, LEAST, "deliveries/s through Celery, relative to the script"),
    Goal("fanout.stall", "fanout", 12.0, MOST, "longest stall above idle, 100,000 followers", "ms"),
    Goal("fanout.linear", "fanout", 1.2, MOST, "cost of a delivery: 100,000 followers, relative to 10,000"),
    Goal("events.accepted", "events", 0.5, LEAST, "accepted events/s, batches of 50, relative to the floor"),
    Goal("events.drained", "events", 0.25, LEAST, "drained events/s, PostgreSQL, relative to the floor"),
    Goal("indexes.rebuild", "indexes", 3.0, MOST, "rebuild at 50,000 items: time, relative to its floor"),
    Goal("indexes.rebuild_many", "indexes", 3.0, MOST, "rebuild at 1,000,000 items: time, relative to floor"),
    Goal("indexes.memory", "indexes", 300.0, MOST, "rebuild at 1,000,000 items: peak memory", "MB"),
    Goal("indexes.stall", "indexes", 2.0, MOST, "longest stall at publication, above idle", "ms"),
    Goal("importing.postgresql", "importing", 0.2, LEAST, "rows/s into PostgreSQL, relative to COPY"),
    Goal("sizes.timeline", "sizes", 24_576, MOST, "a timeline of 400 rows", "bytes"),
    Goal("sizes.card", "sizes", 2_048, MOST, "a card with its facts", "bytes"),
    Goal("sizes.plan", "sizes", 65_536, MOST, "a plan of 200 slots", "bytes"),
    Goal("sizes.profile", "sizes", 4_096, MOST, "a profile", "bytes"),
    Goal("sizes.event", "sizes", 160, MOST, "an unread event", "bytes"),
)
BY_NAME: Final = {goal.name: goal for goal in GOALS}
