"""The one way to Redis: short time-outs, no silent retry, a breaker, and a count of client waits.

`store()` is REDIS_URL (plans, indexes, people's hot state; must not evict),
`cards()` is CACHE_URL (may evict what has a TTL). Both are pools of django-redis.

A *wait* is one time that the client stands still for an answer: a command, a
pipeline or a script call is one each. Budgets in the tests count these.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast

from django_redis import get_redis_connection
from redis.client import Pipeline as RedisPipeline
from redis.client import Redis
from redis.commands.core import Script
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as RedisTimeoutError

from finishd.lib.breaker import Breaker, BreakerOpen

# Redis gave no answer. An error that it answered with (ResponseError) is a mistake of ours, not this.
UNAVAILABLE = (RedisConnectionError, RedisTimeoutError, BreakerOpen)

_waits: ContextVar[list[str] | None] = ContextVar("redis_waits", default=None)
_breakers: dict[tuple[Any, ...], Breaker] = {}


@contextmanager
def count_waits() -> Iterator[list[str]]:
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


def _breaker_of(pool: Any) -> Breaker:
    """One breaker per server address and process: the cache may fail while the store does not."""
    kwargs = pool.connection_kwargs
    address = (kwargs.get("host"), kwargs.get("port"), kwargs.get("path"))
    if address not in _breakers:
        _breakers[address] = Breaker("redis", counts=(RedisConnectionError, RedisTimeoutError))
    return _breakers[address]


class Client(Redis):
    """redis-py's client behind a breaker. Raises redis-py's errors, or `BreakerOpen` at once."""

    def execute_command(self, *args: Any, **options: Any) -> Any:
        _note(str(args[0]))
        with _breaker_of(self.connection_pool).guard():
            return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]

    def pipeline(self, transaction: bool = False, shard_hint: Any = None) -> "Pipeline":
        """A pipeline without MULTI unless asked for: it saves waits, it promises no atomicity."""
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


class Pipeline(RedisPipeline):
    def load_scripts(self) -> None:
        _note("SCRIPT EXISTS")
        super().load_scripts()  # type: ignore[no-untyped-call]

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        if not self.command_stack:
            return []
        _note(f"pipeline of {len(self.command_stack)}")
        with _breaker_of(self.connection_pool).guard():
            return super().execute(raise_on_error)


def store() -> Client:
    return cast(Client, get_redis_connection("store"))


def cards() -> Client:
    return cast(Client, get_redis_connection("default"))


def unlink(client: Client, names: Sequence[str]) -> None:
    """Drop keys that need not share a hash slot. Cost: 1 wait."""
    pipe = client.pipeline()
    for name in names:
        pipe.unlink(name)
    pipe.execute()


class Lua(Script):
    """A Lua script, written once beside the function that calls it. Running it is one wait (EVALSHA).

    A server that does not know it yet costs one wait more, once. In a pipeline it is one wait more
    (SCRIPT EXISTS), and once per server another (SCRIPT LOAD, not counted).
    """

    def __init__(self, source: str) -> None:
        super().__init__(cast(Any, None), source.encode())
        self._source = source

    def run(self, client: Redis, *, keys: list[str], args: list[Any]) -> Any:
        if isinstance(client, RedisPipeline):
            return self(keys=keys, args=args, client=client)
        try:
            return client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return client.eval(self._source, len(keys), *keys, *args)

    def run_each(self, client: Redis, calls: Sequence[tuple[Sequence[str], Sequence[Any]]]) -> list[Any]:
        """Run it once for each (keys, args), whose keys need not share a hash slot: one wait for all of them.

        A server that does not know the script costs one wait more for each, once. Raises the first error.
        """
        pipe = client.pipeline(transaction=False)
        for keys, args in calls:
            pipe.evalsha(self.sha, len(keys), *keys, *args)
        answers = pipe.execute(raise_on_error=False)
        for place, (keys, args) in enumerate(calls):
            if isinstance(answers[place], NoScriptError):
                answers[place] = client.eval(self._source, len(keys), *keys, *args)
            elif isinstance(answers[place], Exception):
                raise answers[place]
        return answers
