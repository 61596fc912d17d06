"""Fixtures for tests about people: the activity stores, the messages to workers, and the clock of tasks."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from activity.store import STORES, get_store
from activity.store.base import ActivityStore
from activity.types import StoreUnavailable
from core.redis.client import cache_redis, state_redis
from finishd.celery import app


@pytest.fixture(params=sorted(STORES, reverse=True))
def activity_store(request: pytest.FixtureRequest, settings: Any) -> Iterator[ActivityStore]:
    """The empty store that services use, once for each kind. It needs a database that commits."""
    if request.param == "firestore":
        request.getfixturevalue("firestore")
    settings.ACTIVITY_STORE = request.param
    get_store.cache_clear()
    yield get_store()
    get_store.cache_clear()


@pytest.fixture
def activity_store_unavailable() -> Iterator[pytest.MonkeyPatch]:
    """Make every store call fail. `activity_store_unavailable.undo()` ends this."""
    patch = pytest.MonkeyPatch()

    def raise_unavailable(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("unavailable in this test")

    for name in (name for name in dir(get_store()) if not name.startswith("_")):
        patch.setattr(type(get_store()), name, raise_unavailable)
    yield patch
    patch.undo()


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a worker."""

    task: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass
class Messages:
    """The messages to workers. A test runs them in any order, twice, or never."""

    waiting: list[Message] = field(default_factory=list)

    def run(self, message: Message) -> None:
        """Run the task of a message in this process."""
        app.tasks[message.task](*message.args, **message.kwargs)

    def run_all(self, *, limit: int = 10_000) -> int:
        """Run all messages in order, including those that they send. Return their number."""
        for ran in range(limit):
            if not self.waiting:
                return ran
            self.run(self.waiting.pop(0))
        raise AssertionError(f"messages are still queued after {limit} runs")

    def pick(self, rng: random.Random) -> Message:
        return self.waiting.pop(rng.randrange(len(self.waiting)))

    def by_kind(self, kind: str) -> list[Message]:
        return [message for message in self.waiting if message.task == f"activity.tasks.{kind}"]


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> Messages:
    """Collect the messages to activity's tasks. All other messages go to the broker."""
    app.loader.import_default_modules()  # registers all tasks, as a worker does when it starts
    collected = Messages()
    send_to_broker = app.send_task

    def send_task(name: str, args: Any = None, kwargs: Any = None, **options: Any) -> Any:
        if not name.startswith("activity.tasks."):
            return send_to_broker(name, args, kwargs, **options)
        collected.waiting.append(Message(name, tuple(args or ()), dict(kwargs or {})))
        return None

    monkeypatch.setattr(app, "send_task", send_task)
    return collected


@pytest.fixture
def long_redis_timeouts() -> Iterator[None]:
    """Use long Redis timeouts, for long tests on a busy machine."""
    pools = {client.connection_pool for client in (state_redis(), cache_redis())}
    before = [dict(pool.connection_kwargs) for pool in pools]
    for pool in pools:
        pool.connection_kwargs.update(socket_timeout=10, socket_connect_timeout=10)
        pool.disconnect()
    yield
    for pool, kwargs in zip(pools, before, strict=True):
        pool.connection_kwargs.update(kwargs)
        pool.disconnect()


class Clock:
    """A replacement for the `time` module. The test sets `now`, in epoch seconds."""

    def __init__(self, now: float) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that tasks read. It changes only when the test sets it."""
    stopped = Clock(1_795_000_000.0)
    monkeypatch.setattr("activity.tasks.time", stopped)
    return stopped
