"""Redis clients with short timeouts, no silent retry, a circuit breaker, and the request's deadline.

`state_redis()` is the server at REDIS_URL, which must not evict. `cache_redis()` is the server at CACHE_URL, which may
evict keys with a TTL. Both use connection pools of django-redis.

A round trip is one exchange with the server: a command, a pipeline or a script call. Tests count them.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from django.conf import settings
from django_redis import get_redis_connection
from redis.client import Pipeline as RedisPipeline
from redis.client import Redis
from redis.connection import DefaultParser
from redis.exceptions import RedisError
from redis.utils import SENTINEL

from core import deadlines, outages
from core.circuit import CircuitBreaker, declare_dependency, register_circuit_breaker

_round_trips: ContextVar[list[str] | None] = ContextVar("redis_round_trips", default=None)
_circuit_breakers: dict[tuple[Any, ...], CircuitBreaker] = {}
declare_dependency("redis")
declare_dependency("cache")


@contextmanager
def count_round_trips() -> Iterator[list[str]]:
    """Collect the round trips of this thread within the block, one entry each (the command's name)."""
    round_trips: list[str] = []
    token = _round_trips.set(round_trips)
    try:
        yield round_trips
    finally:
        _round_trips.reset(token)


def _record_round_trip(command: str) -> None:
    round_trips = _round_trips.get()
    if round_trips is not None:
        round_trips.append(command)


def _get_circuit_breaker(pool: Any) -> CircuitBreaker:
    """Return the circuit breaker of the pool's server. If both URLs name one server, they share it."""
    address = _address(pool)
    if address not in _circuit_breakers:
        name = "redis" if address == _address(state_redis().connection_pool) else "cache"
        _circuit_breakers[address] = register_circuit_breaker(
            CircuitBreaker(name, failure_types=(RedisError,), is_failure=_is_failure)
        )
    return _circuit_breakers[address]


def _address(pool: Any) -> tuple[Any, ...]:
    kwargs = pool.connection_kwargs
    return kwargs.get("host"), kwargs.get("port"), kwargs.get("path")


def _is_failure(error: BaseException) -> bool:
    outage = outages.get_redis_outage(error)
    return outage is not None and outage.is_failure


class DeadlineParser(DefaultParser):  # type: ignore[misc,valid-type]  # hiredis' or redis-py's, chosen at import
    """Waits for a reply until the request's deadline at most, also if the reply arrives byte by byte.

    An error reply that means an outage has its own exception (`core/outages.py`); redis-py has one for some only.
    """

    EXCEPTION_CLASSES = DefaultParser.EXCEPTION_CLASSES | {
        name: reply.error for name, reply in outages.REDIS_REPLIES.items()
    }

    @classmethod
    def parse_error(cls, response: str) -> Exception:
        """Return the exception for an error reply."""
        is_denied = response.startswith(outages.SCRIPT_DENIED)
        return cast(Exception, super().parse_error(f"NOPERM {response}" if is_denied else response))

    def read_from_socket(self, timeout: Any = SENTINEL, raise_on_timeout: bool = True) -> Any:
        if timeout is SENTINEL and (left := deadlines.remaining()) < (self._socket_timeout or math.inf):
            timeout = max(left + deadlines.GRACE_SECONDS, 0.001)
        return super().read_from_socket(timeout, raise_on_timeout)


class GuardedRedis(Redis):
    """redis-py's client behind a circuit breaker. Raises its errors, and CircuitOpen or DeadlinePassed at once."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        _record_round_trip(str(args[0]))
        deadlines.check()
        with _get_circuit_breaker(self.connection_pool).protect():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> "GuardedPipeline":
        """Return a pipeline, by default without MULTI: it saves round trips and is not atomic."""
        return GuardedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class GuardedPipeline(RedisPipeline):
    def load_scripts(self) -> None:
        _record_round_trip("SCRIPT EXISTS")
        super().load_scripts()  # type: ignore[no-untyped-call]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send all queued commands. Cost: 1 round trip, none without commands."""
        if not self.command_stack:
            return []
        _record_round_trip(f"pipeline of {len(self.command_stack)}")
        deadlines.check()
        with _get_circuit_breaker(self.connection_pool).protect():
            return super().execute(raise_on_error)


def state_redis() -> GuardedRedis:
    return cast(GuardedRedis, get_redis_connection("state"))


def cache_redis() -> GuardedRedis:
    return cast(GuardedRedis, get_redis_connection("default"))


def get_databases() -> list[GuardedRedis]:
    """Return a client of each distinct database that is not the broker's."""
    return [state_redis()] if settings.CACHE_URL == settings.REDIS_URL else [state_redis(), cache_redis()]


def raise_outage(replies: Sequence[Any]) -> None:
    """Raise the first of a pipeline's replies that means that Redis is unavailable."""
    for reply in replies:
        if isinstance(reply, outages.REDIS_UNAVAILABLE):
            raise reply


def unlink_keys(client: GuardedRedis, names: Sequence[str]) -> None:
    """Delete keys that need not share a hash slot. Cost: 1 round trip."""
    pipe = client.pipeline()
    for name in names:
        pipe.unlink(name)
    pipe.execute()
