"""Redis: the state server, the cache and the broker. Each must accept a write."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from core.outages import get_redis_outage
from core.redis.client import GuardedRedis, cache_redis, state_redis
from core.redis.version import is_old
from finishd.celery import app
from finishd.health import keys
from finishd.health.check import TIMEOUT_SECONDS, Details, NotReady

NO_EVICTION: Final = "noeviction"

Info = Mapping[str, Any]


def check_state() -> Details:
    """Require a server that keeps what it accepts: no eviction, a file that is written. Cost: 1 round trip."""
    info, written = _write(state_redis(), "redis")
    _check_version(info)
    _check_persistence(info)
    if (
        policy := info.get("maxmemory_policy", NO_EVICTION)
    ) != NO_EVICTION:  # some managed servers do not say
        raise NotReady(
            "evicts",
            f"maxmemory-policy is {policy}, so Redis may delete plans and dedup keys. It must be {NO_EVICTION}.",
            maxmemoryPolicy=policy,
        )
    _check_written(written)
    return {}


def check_cache() -> Details:
    """Require a server that accepts writes. It may evict: if it is REDIS_URL's too, that check fails. 1 round trip."""
    info, written = _write(cache_redis(), "cache")
    _check_version(info)
    _check_written(written)
    return {}


def check_broker() -> Details:
    """Require a server that accepts messages. Cost: a connection and a few round trips."""
    timeouts = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    with app.connection_for_write(connect_timeout=TIMEOUT_SECONDS, transport_options=timeouts) as broker:
        broker.ensure_connection(max_retries=0)
        client: Any = broker.channel().client  # type: ignore[attr-defined]  # of kombu's Redis transport
        replies = _queue_write(client.pipeline(transaction=False), "broker").execute(raise_on_error=False)
    _check_written(replies[0])
    return {}


def _write(client: GuardedRedis, part: str) -> tuple[Info, Any]:
    """Return the server's INFO, which it also sends while it rejects other commands, and its reply to a write.

    The reply may be an error. Raises errors of INFO and of the connection.
    """
    pipe = client.pipeline()
    pipe.info()
    info, written = _queue_write(pipe, part).execute(raise_on_error=False)
    if isinstance(info, Exception):
        raise info
    return info, written


def _queue_write(pipe: Any, part: str) -> Any:
    return pipe.set(keys.PROBE.name(part=part), "1", ex=keys.PROBE.ttl)


def _check_version(info: Info) -> None:
    if is_old(info):
        version = info["redis_version"]
        reason = f"The server is Redis {version}. Finishd needs Redis 7.0 or newer."
        raise NotReady("too_old", reason, version=version)


def _check_persistence(info: Info) -> None:
    """Require an append-only file, unless REDIS_REQUIRE_AOF is off, and that the last write to disk succeeded.

    INFO has no list of the configured snapshots, and managed servers forbid CONFIG.
    """
    has_file = bool(info.get("aof_enabled"))
    if settings.REDIS_REQUIRE_AOF and not has_file:
        raise NotReady(
            "not_persistent",
            "Redis has no append-only file, so a restart loses accepted events. Set appendonly to yes.",
        )
    field = "aof_last_write_status" if has_file else "rdb_last_bgsave_status"
    if info.get(field, "ok") != "ok":
        raise NotReady("persistence_failing", f"Redis cannot write to its disk: {field} is {info[field]}.")


def _check_written(reply: Any) -> None:
    if not isinstance(reply, Exception):
        return
    outage = get_redis_outage(reply)
    if outage is None or outage.is_failure:  # loading, for example
        raise reply
    raise NotReady("rejects_writes", f"Redis rejects writes: {type(reply).__name__}.") from reply
