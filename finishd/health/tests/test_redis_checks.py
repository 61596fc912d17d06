"""A Redis server that answers and still cannot do its work makes the service not ready."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from analytics import keys as event_keys
from core.redis.client import cache_redis, state_redis
from core.tests.redis_faults import REDIS_FAULTS, configured
from finishd.health import report
from finishd.health.tests.conftest import GetPart
from finishd.testing.persistent_redis import PersistentRedis

# Without a database mark. The parts of SQL fail, and no test here asks for them.


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "allkeys-random"])
def test_a_state_server_that_evicts_is_not_ready(policy: str, server: Redis, get_part: GetPart) -> None:
    with configured(server, maxmemory_policy=policy):
        part = get_part("redis")
        assert not report.get_report().is_ready
    assert (part["status"], part["maxmemoryPolicy"]) == ("evicts", policy)
    assert part["reason"].startswith(f"maxmemory-policy is {policy}")
    assert get_part("redis")["status"] == "ok"


def test_a_cache_server_of_its_own_may_evict(settings: Any, tmp_path: Path, get_part: GetPart) -> None:
    other = PersistentRedis(tmp_path)
    settings.CACHES = {
        **settings.CACHES,
        "default": {**settings.CACHES["default"], "LOCATION": other.url},
    }
    try:
        cache_redis().config_set("maxmemory-policy", "allkeys-lru")
        assert (get_part("redis")["status"], get_part("cache")["status"]) == ("ok", "ok")
        cache_redis().config_set("maxmemory", 1)
        assert (get_part("redis")["status"], get_part("cache")["status"]) == ("ok", "rejects_writes")
    finally:
        other.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [("OOM", "OutOfMemoryError"), ("READONLY", "ReadOnlyError"), ("NOREPLICAS", "ReplicasMissing")],
)
def test_a_server_that_rejects_writes_is_not_ready_until_it_accepts_them(
    fault: str, error: str, server: Redis, get_part: GetPart
) -> None:
    expected = {"status": "rejects_writes", "reason": f"Redis rejects writes: {error}."}
    with REDIS_FAULTS[fault](server):
        assert [get_part(name) for name in ("redis", "cache")] == [expected] * 2
        assert get_part("broker")["status"] == "rejects_writes"
    assert [get_part(name)["status"] for name in ("redis", "cache", "broker")] == ["ok"] * 3


def test_a_server_that_cannot_write_to_its_disk_is_not_ready(server: Redis, get_part: GetPart) -> None:
    with REDIS_FAULTS["MISCONF"](server):
        part = get_part("redis")
    assert part["status"] == "persistence_failing"
    assert "rdb_last_bgsave_status is err" in part["reason"]


def test_a_server_that_requires_a_password_we_lack_is_unreachable(server: Redis, get_part: GetPart) -> None:
    with REDIS_FAULTS["NOAUTH"](server):
        part = get_part("redis")
    assert part == {"status": "unreachable", "reason": "A call failed: AuthenticationError, see the log."}


def test_a_server_without_an_append_only_file_is_not_ready(
    settings: Any, server: Redis, get_part: GetPart
) -> None:
    settings.REDIS_REQUIRE_AOF = True
    assert get_part("redis")["status"] == "not_persistent"
    with configured(server, appendonly="yes"):
        assert get_part("redis")["status"] == "ok"


def test_a_server_that_forbids_config_can_be_checked(server: Redis, get_part: GetPart) -> None:
    server.acl_setuser("default", enabled=True, commands=["-config"])
    try:
        assert get_part("redis")["status"] == "ok"
    finally:
        server.acl_setuser("default", enabled=True, commands=["+@all"])


@pytest.mark.django_db(transaction=True)
class TestStreams:
    def test_event_streams_that_cannot_be_read_make_the_service_not_ready(
        self, server: Redis, get_part: GetPart
    ) -> None:
        assert get_part("events")["status"] == "ok"
        server.acl_setuser("default", enabled=True, commands=["-@stream"])
        try:
            assert (get_part("redis")["status"], get_part("events")["status"]) == ("ok", "unreachable")
            assert "events" in report.get_report().problems
        finally:
            server.acl_setuser("default", enabled=True, commands=["+@all"])

    def test_a_stream_whose_key_holds_another_type_does_too(self, get_part: GetPart) -> None:
        state_redis().set(event_keys.EVENTS.name(shard=0), "not a stream")
        assert get_part("events")["status"] == "unreachable"
