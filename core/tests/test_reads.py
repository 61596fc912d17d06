"""Deferred reads: several modules share one round trip, and each gets its own replies."""

import pytest
from redis.client import Pipeline
from redis.exceptions import ResponseError

from core.redis.client import count_round_trips, state_redis
from core.redis.reads import Read, Reads


def text(key: str) -> Read[str | None]:
    """Return a read with one command."""
    return Read(lambda pipe: pipe.get(key), lambda raw: raw.decode() if raw else None)


def sizes(*keys: str) -> Read[int]:
    """Return a read with one command for each key."""

    def queue(pipe: Pipeline) -> None:
        for key in keys:
            pipe.llen(key)

    return Read(queue, lambda *found: sum(found))


@pytest.fixture(autouse=True)
def stored() -> None:
    redis = state_redis()
    redis.set("a-text", "hello")
    redis.rpush("a-list", 1, 2)
    redis.rpush("b-list", 3)


def test_each_read_gets_the_replies_to_its_own_commands() -> None:
    reads = Reads(state_redis())
    before, both = reads.add(text("a-text")), reads.add(sizes("a-list", "b-list"))
    nothing, after = reads.add(sizes()), reads.add(text("missing"))
    reads.execute()
    assert (before.value, both.value, nothing.value, after.value) == ("hello", 3, 0, None)


def test_all_reads_share_one_round_trip() -> None:
    reads = Reads(state_redis())
    for _ in range(10):
        reads.add(text("a-text"))
    with count_round_trips() as trips:
        reads.execute()
    assert len(trips) == 1


def test_without_reads_there_is_no_round_trip() -> None:
    with count_round_trips() as trips:
        Reads(state_redis()).execute()
    assert trips == []


def test_an_error_reply_is_raised_by_the_read_that_it_belongs_to() -> None:
    reads = Reads(state_redis())
    good, bad = reads.add(text("a-text")), reads.add(sizes("a-text"))
    reads.execute()
    assert good.value == "hello"
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        _ = bad.value


def test_a_value_is_decoded_once() -> None:
    calls: list[object] = []
    reads = Reads(state_redis())
    value = reads.add(Read(lambda pipe: pipe.get("a-text"), calls.append))
    reads.execute()
    assert value.value is value.value
    assert calls == [b"hello"]


def test_a_mapped_read_changes_the_value() -> None:
    reads = Reads(state_redis())
    length = reads.add(text("a-text").map(lambda found: len(found or "")))
    reads.execute()
    assert length.value == 5


def test_a_value_is_not_available_before_the_reads_are_executed() -> None:
    reads = Reads(state_redis())
    value = reads.add(text("a-text"))
    with pytest.raises(RuntimeError, match="not executed"):
        _ = value.value


def test_a_read_can_be_fetched_alone_in_one_round_trip() -> None:
    with count_round_trips() as trips:
        assert text("a-text").fetch(state_redis()) == "hello"
    assert len(trips) == 1
