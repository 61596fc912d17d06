"""The application with models in place of its servers. SQL is real: a database in memory."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, Final, cast
from unittest.mock import patch

from django.db import connection
from django.test import override_settings
from redis.exceptions import RedisError

from activity import dispatch
from activity import store as stores
from activity.models import PendingHistory
from activity.store.base import ActivityStore
from analytics.models import Checkpoint, Count, DeadLetter
from core.broker.queues import QueueState
from core.circuit import CircuitBreaker
from core.redis import client as redis_client
from core.redis import run_ids
from finishd.celery import app
from soak.simulation.broker import Broker
from soak.simulation.catalogue import create_catalogue
from soak.simulation.clock import START, Clock, Tokens, replaced_modules
from soak.simulation.processes import Scheduler
from soak.simulation.redis_model.client import make_client
from soak.simulation.redis_model.server import Entry, RedisModel
from soak.simulation.store_model import StoreModel

TABLES: Final = (PendingHistory, Checkpoint, Count, DeadLetter)
SETTINGS: Final[dict[str, Any]] = {
    "ACTIVITY_STORE": "simulated",
    "ANALYTICS_SHARDS": 1,
    "FEED_TRACE_PERCENT": 0,
}


class Environment:
    """The models, as new after each `reset`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tokens = Tokens()
        self.redis = RedisModel(self.clock.time)
        self.client = make_client(self.redis, before=self._before_redis, after=self._after_redis)
        self._catalogue: dict[bytes, Entry] = {}
        self.reset()

    def keep_catalogue(self) -> None:
        """Keep what Redis has now, the catalogue's cards and indexes, for each `reset`."""
        self._catalogue = self.redis.copy_data()

    def reset(self) -> None:
        """Begin a new run: an empty store and broker, and a Redis that has only the catalogue."""
        self.clock.now = START
        self.tokens.restart()
        self.redis.restore(self._catalogue)
        self.redis.restarts = 0
        self.scheduler = Scheduler(self.clock)
        self.broker = Broker(self.clock, self.scheduler)
        self.store = StoreModel()
        self.circuit_breaker = CircuitBreaker(
            "redis",
            failure_types=(RedisError,),
            is_failure=redis_client._is_failure,
            clock=self.clock.monotonic,
        )

    def delete_keys(self, *names: str) -> None:
        """Delete keys of Redis, as if they had expired."""
        for name in names:
            self.redis.delete(name.encode())

    def empty_tables(self) -> None:
        """Delete what readers wrote to SQL."""
        for table in TABLES:
            table._default_manager.all()._raw_delete(connection.alias)

    def send_task(self, name: str, args: Any = None, kwargs: Any = None, queue: str = "", **_: Any) -> None:
        self.broker.send(name, args, kwargs, queue)

    def get_queue_states(self) -> tuple[QueueState, QueueState]:
        return self.broker.get_state(dispatch.DELIVERY), self.broker.get_state(dispatch.REPEATS)

    def _before_redis(self) -> None:
        # All processes share a circuit breaker, and would be without Redis while the one that probes it pauses.
        self.scheduler.before_call("redis", may_pause=self.circuit_breaker.state == "closed")

    def _after_redis(self) -> None:
        self.scheduler.after_call("redis")


class FaultyStore:
    """The store as processes see it: its calls pause and fail."""

    environment: Environment

    def __getattr__(self, name: str) -> Any:
        environment = self.environment

        @wraps(getattr(StoreModel, name))
        def call(*args: Any, **kwargs: Any) -> Any:
            environment.scheduler.before_call("store")
            result = getattr(environment.store, name)(*args, **kwargs)
            environment.scheduler.after_call("store")
            return result

        setattr(self, name, call)
        return call


@contextmanager
def prepared_environment() -> Iterator[Environment]:
    """Replace the servers of the application with models, and create the catalogue. For one thread of a process."""
    app.loader.import_default_modules()
    environment = Environment()
    with ExitStack() as stack:
        stack.enter_context(override_settings(**SETTINGS))
        stack.enter_context(replaced_modules(environment.clock, environment.tokens))
        for target, name, substitute in _get_substitutes(environment):
            stack.enter_context(patch.object(target, name, substitute))
        stack.enter_context(patch.dict(run_ids._stamps))
        stack.enter_context(patch.dict(stores.STORES, simulated=f"{__name__}.make_store"))
        stack.enter_context(patch.object(FaultyStore, "environment", environment, create=True))
        stack.callback(stores.get_store.cache_clear)
        stores.get_store.cache_clear()
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        create_catalogue()
        environment.keep_catalogue()
        yield environment


def make_store() -> ActivityStore:
    """Return the store of the prepared environment, for `activity.store.STORES`."""
    return cast(ActivityStore, FaultyStore())


def _get_substitutes(environment: Environment) -> list[tuple[Any, str, Callable[..., Any]]]:
    return [
        (redis_client, "get_redis_connection", lambda _: environment.client),
        (redis_client, "_get_circuit_breaker", lambda _: environment.circuit_breaker),
        (app, "send_task", environment.send_task),
        (dispatch, "get_states", environment.get_queue_states),
    ]
