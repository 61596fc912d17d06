"""The one way to Redis: short time-outs, no silent retry, a breaker, the request's deadline, and a count of waits.

`state_redis()` is REDIS_URL (plans, indexes, people's hot state; must not evict),
`cache_redis()` is CACHE_URL (may evict what has a TTL). Both are pools of django-redis.

A *wait* is one time that the client stands still for an answer: a command, a
pipeline or a script call is one each. Budgets in the tests count these.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from django_redis import get_redis_connection
from redis.client import Pipeline as RedisPipeline
from redis.client import Redis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.utils import SENTINEL

from core import deadlines
from core.circuit import CircuitBreaker, CircuitOpen, declare_dependency, register_circuit_breaker

# Redis gave no answer. An error that it answered with (ResponseError) is a mistake of ours, not this.
REDIS_UNAVAILABLE = (RedisConnectionError, RedisTimeoutError, CircuitOpen)

_waits: ContextVar[list[str] | None] = ContextVar("redis_waits", default=None)
for _name in ("redis", "cache"):
    declare_dependency(_name)
_circuit_breakers: dict[tuple[Any, ...], CircuitBreaker] = {}


@contextmanager
def count_round_trips() -> Iterator[list[str]]:
    """Collect the waits of this thread within the block, one entry each (the command's name)."""
    waits: list[str] = []
    token = _waits.set(waits)
    try:
        yield waits
    finally:
        _waits.reset(token)


def _note(what: str) -> None:
    waits = _waits.get()
    if waits is not None:
        waits.append(what)


def _get_circuit_breaker(pool: Any) -> CircuitBreaker:
    """One breaker per server address and process: the cache may fail while the store does not."""
    address = _address(pool)
    if address not in _circuit_breakers:
        name = "redis" if address == _address(state_redis().connection_pool) else "cache"
        _circuit_breakers[address] = register_circuit_breaker(
            CircuitBreaker(
                name, failure_types=(RedisConnectionError, RedisTimeoutError), is_failure=_is_outage
            )
        )
    return _circuit_breakers[address]


def _address(pool: Any) -> tuple[Any, ...]:
    kwargs = pool.connection_kwargs
    return kwargs.get("host"), kwargs.get("port"), kwargs.get("path")


def _is_outage(reason: BaseException) -> bool:
    """A pool that has no connection left says something of us, not of Redis."""
    return not isinstance(reason, MaxConnectionsError)


class DeadlineParser(DefaultParser):  # type: ignore[misc,valid-type]  # hiredis' or redis-py's own, chosen at import
    """Reads no longer than the request may take, also where an answer comes in drops."""

    def read_from_socket(self, timeout: Any = SENTINEL, raise_on_timeout: bool = True) -> Any:
        if timeout is SENTINEL and (left := deadlines.remaining()) < (self._socket_timeout or math.inf):
            timeout = max(left + deadlines.GRACE_SECONDS, 0.001)
        return super().read_from_socket(timeout, raise_on_timeout)


class GuardedRedis(Redis):
    """redis-py's client behind a breaker. Raises redis-py's errors, or `CircuitOpen` or `DeadlinePassed` at once."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        _note(str(args[0]))
        deadlines.check()
        with _get_circuit_breaker(self.connection_pool).protect():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> "GuardedPipeline":
        """A pipeline without MULTI unless asked for: it saves waits, it promises no atomicity."""
        return GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class GuardedPipeline(RedisPipeline):
    def load_scripts(self) -> None:
        _note("SCRIPT EXISTS")
        super().load_scripts()  # type: ignore[no-untyped-call]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        if not self.command_stack:
            return []
        _note(f"pipeline of {len(self.command_stack)}")
        deadlines.check()
        with _get_circuit_breaker(self.connection_pool).protect():
            return super().execute(raise_on_error)


def state_redis() -> GuardedRedis:
    return cast(GuardedRedis, get_redis_connection("state"))


def cache_redis() -> GuardedRedis:
    return cast(GuardedRedis, get_redis_connection("default"))


def unlink_keys(client: GuardedRedis, names: Sequence[str]) -> None:
    """Drop keys that need not share a hash slot. Cost: 1 wait."""
    pipe = client.pipeline()
    for name in names:
        pipe.unlink(name)
    pipe.execute()
