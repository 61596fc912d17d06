"""Tests of the run ids of Redis servers."""

import logging

import pytest
from redis import Redis
from redis.exceptions import RedisError

from core.redis.client import state_redis
from core.redis.run_ids import STAMP_DIGITS, UNKNOWN_STAMP, get_stamp, parse_run_id
from finishd.run.embedded_redis import RedisServer


def get_new_stamp() -> str:
    """Return the stamp that a new connection finds."""
    state_redis().connection_pool.disconnect()
    state_redis().ping()
    return get_stamp(state_redis())


def test_the_stamp_is_the_beginning_of_the_run_id() -> None:
    assert get_new_stamp() == state_redis().info("server")["run_id"][:STAMP_DIGITS]
    assert parse_run_id(b"redis_version:7.2.4\r\nrun_id:5681b6e9f3\r\n") == "5681b6e9f3"
    assert parse_run_id(b"") == ""


def test_a_restart_changes_the_stamp_and_is_logged(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    before = get_new_stamp()
    assert get_new_stamp() == before
    redis_server.stop()
    with pytest.raises(RedisError):
        state_redis().ping()
    assert get_stamp(state_redis()) == before
    redis_server.start()
    assert get_new_stamp() != before
    assert "restart or failover" in caplog.text


def test_a_server_that_forbids_info_is_used_without_a_stamp(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(redis_server.url) as server:
        server.acl_setuser("default", enabled=True, commands=["-info"])
        try:
            with caplog.at_level(logging.WARNING):
                assert get_new_stamp() == UNKNOWN_STAMP
        finally:
            server.acl_setuser("default", enabled=True, commands=["+@all"])
    assert "INFO is rejected" in caplog.text
