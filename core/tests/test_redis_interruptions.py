"""Replies of Redis that end in the middle: the call fails, and no later call reads the rest of the reply."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, cast

import pytest

from core.outages import REDIS_UNAVAILABLE
from core.redis import client as redis_client
from core.redis.client import state_redis
from core.redis.script import Script
from finishd.run.embedded_redis import RedisServer
from finishd.testing.interruptions import ACTIONS, Action
from finishd.testing.proxy import Proxy

ECHO: Final = Script("return {ARGV[1], ARGV[1]}")
TIMEOUT_SECONDS: Final = 0.15
Call = Callable[[str], Any]


def get_value(number: str) -> Any:
    return state_redis().get(f"key:{number}")


def get_in_pipeline(number: str) -> Any:
    pipe = state_redis().pipeline()
    for _ in range(3):
        pipe.get(f"key:{number}")
    return pipe.execute()


def run_script(number: str) -> Any:
    return ECHO.run(state_redis(), keys=[f"key:{number}"], args=[f"value {number}"])


def append_and_read(number: str) -> Any:
    state_redis().xadd(f"stream:{number}", {"event": f"value {number}"})
    (_, fields), *_ = cast("list[Any]", state_redis().xrange(f"stream:{number}", count=1))
    return fields[b"event"]


CALLS: Final[dict[str, tuple[Call, Callable[[bytes], Any]]]] = {
    "get": (get_value, lambda value: value),
    "pipeline": (get_in_pipeline, lambda value: [value] * 3),
    "script": (run_script, lambda value: [value] * 2),
    "append": (append_and_read, lambda value: value),
}


@pytest.fixture
def proxy(redis_server: RedisServer, settings: Any) -> Iterator[Proxy]:
    """A proxy that the clients of this process use, with the timeout of production."""
    proxy = Proxy(f"127.0.0.1:{redis_server.port}")
    url = f"redis://{proxy.host}/0"
    settings.CACHES = {name: {**cache, "LOCATION": url} for name, cache in settings.CACHES.items()}
    yield proxy
    state_redis().connection_pool.disconnect()
    proxy.close()


def call_until_it_succeeds(call: Call, key: str) -> Any:
    """Return the first result. After an interruption, the next call may find a connection that is just ending."""
    for _ in range(2):
        with suppress(*REDIS_UNAVAILABLE):
            return call(key)
    return call(key)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("action", ACTIONS)
def test_after_an_interrupted_reply_no_call_reads_its_rest(proxy: Proxy, action: Action, name: str) -> None:
    call, get_expected = CALLS[name]
    keys = [f"{number:03}" for number in range(0, 200, 12 if action == "stall" else 1)]
    state_redis().mset({f"key:{key}": f"value {key}" for key in keys})
    for key in keys:
        expected = get_expected(f"value {key}".encode())
        redis_client._circuit_breakers.clear()
        started_at = time.monotonic()
        with proxy.interrupt(action, int(key), times=1) as interruption:
            with suppress(*REDIS_UNAVAILABLE):
                assert call(key) == expected
            if not interruption.count:  # the reply is shorter
                break
            assert call_until_it_succeeds(call, "000") == get_expected(b"value 000")
        assert call_until_it_succeeds(call, key) == expected
        assert time.monotonic() - started_at < 2
    assert int(key) > 12
