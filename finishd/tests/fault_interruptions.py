"""Faults of the fault matrix that end replies in the middle, for each dependency and kind of end."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from finishd.testing.interruptions import Action, Interruption
from finishd.testing.proxy import Proxy
from finishd.tests.fault_endpoints import FEEDS
from finishd.tests.fault_table import (
    ALL_FEEDS_DEGRADED,
    API_ENDPOINTS,
    DEGRADED_COLD_VIEWER,
    PARTS_IN_REDIS,
    PEOPLE_ENDPOINTS,
    Fault,
)
from finishd.tests.faults import Stack

ACTIONS: Final[tuple[Action, ...]] = ("cut", "reset", "half-close")


@dataclass(frozen=True)
class Dependency:
    """A dependency behind a proxy. A connection is interrupted after up to `span` bytes of replies.

    `quick` is the kind of end that CI runs. `effects` are those of a `Fault`.
    """

    name: str
    proxy: Callable[[Stack], Proxy]
    span: int
    quick: Action
    effects: dict[str, Any]


@contextmanager
def interrupted(stack: Stack, dependency: Dependency, action: Action) -> Iterator[Interruption]:
    numbers = random.Random(f"{dependency.name} {action}")
    with dependency.proxy(stack).interrupt(
        action, lambda: numbers.randrange(dependency.span)
    ) as interruption:
        yield interruption
        assert interruption.count > 0, "no reply was interrupted"


DEPENDENCIES: Final = (
    Dependency(
        "redis",
        lambda stack: stack.redis_proxy,
        20_000,
        "half-close",
        {
            "sometimes_unavailable": (*API_ENDPOINTS, "ready"),
            "degraded": {feed: ALL_FEEDS_DEGRADED[feed] | PARTS_IN_REDIS for feed in FEEDS},
        },
    ),
    Dependency(
        "sql",
        lambda stack: stack.sql_proxy,
        4_000,
        "reset",
        {
            "sometimes_unavailable": (*PEOPLE_ENDPOINTS, "search", "ready"),
            "degraded": DEGRADED_COLD_VIEWER,
        },
    ),
    Dependency("broker", lambda stack: stack.broker_proxy, 200, "cut", {"sometimes_unavailable": ("ready",)}),
    Dependency(
        "firestore",
        lambda stack: stack.emulator_proxy,
        4_000,
        "cut",
        {
            "sometimes_unavailable": PEOPLE_ENDPOINTS,
            "degraded": DEGRADED_COLD_VIEWER,
            "web": lambda stack: stack.firestore_web,
        },
    ),
)

INTERRUPTIONS: Final = [
    Fault(
        f"{dependency.name} replies: {action}",
        partial(interrupted, dependency=dependency, action=action),
        quick=action == dependency.quick,
        **dependency.effects,
    )
    for dependency in DEPENDENCIES
    for action in ACTIONS
]
