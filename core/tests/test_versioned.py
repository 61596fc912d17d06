"""Versioned values in Redis."""

from typing import Any

from core.redis.client import count_round_trips, state_redis
from core.redis.versioned import pack_versioned, unpack_versioned, write_if_newer


def write(version: int, *, card: bytes = b"card", facts: bytes = b"facts") -> None:
    write_if_newer(state_redis(), {"{x}:card": card, "{x}:facts": facts}, version=version, ttl=60)


def stored() -> Any:
    return state_redis().mget(["{x}:card", "{x}:facts"])


def test_all_keys_are_written_with_their_version_and_a_ttl() -> None:
    write(7)
    assert stored() == [b"7|card", b"7|facts"]
    assert 0 < state_redis().ttl("{x}:card") <= 60
    assert 0 < state_redis().ttl("{x}:facts") <= 60


def test_an_older_version_is_not_written() -> None:
    write(7)
    write(6, card=b"old", facts=b"old")
    assert stored() == [b"7|card", b"7|facts"]


def test_an_equal_and_a_newer_version_are_written() -> None:
    write(7)
    for version in (7, 10):  # 10 is newer as a number, not as text
        write(version, card=b"new", facts=b"")
        assert stored() == [b"%d|new" % version, b"%d|" % version]


def test_a_write_costs_one_round_trip_and_can_be_queued() -> None:
    write(1)  # loads the script
    with count_round_trips() as trips:
        write(2)
    assert len(trips) == 1
    pipe = state_redis().pipeline()
    write_if_newer(pipe, {"{x}:card": b"queued"}, version=3, ttl=60)
    assert stored() == [b"2|card", b"2|facts"]
    pipe.execute()
    assert stored() == [b"3|queued", b"2|facts"]


def test_a_payload_may_contain_the_separator() -> None:
    assert unpack_versioned(pack_versioned(12, b"a|b")) == b"a|b"
    assert unpack_versioned(pack_versioned(12, b"")) == b""
