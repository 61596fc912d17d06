"""Lua scripts on a server that has them, and on one that lost them."""

import pytest
from redis.exceptions import ResponseError

from core.outages import REDIS_UNAVAILABLE
from core.redis.client import GuardedPipeline, count_round_trips, state_redis
from core.redis.script import Script
from feed.tests import world
from finishd.testing.api import get_item_ids, walk_feed

ECHO = Script("return {KEYS[1], ARGV[1]}")


def test_a_call_costs_one_round_trip_and_one_more_if_the_server_lost_the_script() -> None:
    state_redis().script_flush()
    for expected in (2, 1, 1):
        with count_round_trips() as trips:
            assert ECHO.run(state_redis(), keys=["k"], args=["v"]) == [b"k", b"v"]
        assert len(trips) == expected
    state_redis().script_flush()
    assert ECHO.run(state_redis(), keys=["k"], args=["v"]) == [b"k", b"v"]


def test_many_calls_cost_one_round_trip_and_one_more_each_if_the_server_lost_the_script() -> None:
    state_redis().script_flush()
    for expected in (3, 1, 1):
        with count_round_trips() as trips:
            replies = ECHO.run_many(state_redis(), [(["k"], ["v"]), (["l"], ["w"])])
        assert replies == [[b"k", b"v"], [b"l", b"w"]]
        assert len(trips) == expected


def test_an_error_of_one_of_many_calls_is_raised() -> None:
    state_redis().set("words", "no number")
    with pytest.raises(ResponseError, match="not an integer"):
        Script("return redis.call('INCR', KEYS[1])").run_many(state_redis(), [(["new"], []), (["words"], [])])


def test_a_script_runs_in_a_pipeline_on_a_server_that_lost_it() -> None:
    for _ in range(2):
        state_redis().script_flush()
        pipe = state_redis().pipeline()
        ECHO.run(pipe, keys=["k"], args=["v"])
        pipe.set("after", 1)
        assert pipe.execute() == [[b"k", b"v"], True]


def test_a_server_that_restarts_within_a_pipeline_with_scripts_is_an_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load_scripts = GuardedPipeline.load_scripts

    def load_and_restart(pipe: GuardedPipeline) -> None:
        load_scripts(pipe)
        state_redis().script_flush()

    monkeypatch.setattr(GuardedPipeline, "load_scripts", load_and_restart)
    pipe = state_redis().pipeline()
    ECHO.run(pipe, keys=["k"], args=["v"])
    with pytest.raises(REDIS_UNAVAILABLE):
        pipe.execute()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_session_continues_on_a_server_that_lost_all_scripts() -> None:
    everything = world.catalogue(60)
    world.build()
    pages = walk_feed("ama", limit=20, pages=2)
    state_redis().script_flush()
    rest = walk_feed("ama", limit=20, cursor=pages[-1]["meta"]["cursor"])
    assert sorted(get_item_ids(*pages, *rest)) == everything
