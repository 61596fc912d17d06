"""Requests of the API tests, and the measurement of their cost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from activity.store.meter import CallTally, count_calls
from core.redis.client import count_round_trips
from finishd.testing.api import get_client

SYNC = "/api/v1/user-titles/sync"
FOLLOW = "/api/v1/social/follow"
BLOCK = "/api/v1/social/block"


def sync(uid: str, number: int = 603, **relation: Any) -> dict[str, Any]:
    body = {"title_id": str(number), "media_type": "movie", "title": "The Matrix", **relation}
    return ok(get_client(uid).post(SYNC, body))


def follow(uid: str, target: str, action: str = "follow") -> dict[str, Any]:
    return ok(get_client(uid).post(FOLLOW, {"target_uid": target, "action": action}))


def ok(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    body: dict[str, Any] = answer.json()
    return body


def ask(uid: str, path: str, **query: Any) -> dict[str, Any]:
    return ok(get_client(uid).get(f"/api/v1/social/{path}", query))


@dataclass
class Cost:
    """The round trips and store calls of a block."""

    round_trips: list[str] = field(default_factory=list)
    store: CallTally = field(default_factory=CallTally)


@contextmanager
def measure_cost() -> Iterator[Cost]:
    spent = Cost()
    with count_round_trips() as round_trips, count_calls() as tally:
        yield spent
    spent.round_trips, spent.store = round_trips, tally
