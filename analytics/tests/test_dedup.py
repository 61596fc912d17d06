"""Test that dedup keys detect duplicates, allow repeated batches, and stay within their memory limit."""

import random
from typing import Any, cast

import pytest

from analytics import dedup, keys
from analytics.dedup import DUPLICATE, NEW, DedupEntry
from analytics.event_format import make_dedup_key
from core.redis.client import state_redis
from core.units import DAY, HOUR

NOW = 1_795_000_000.0
A, B = make_dedup_key("a"), make_dedup_key("b")


def register_fillers(hours: int) -> None:
    """Register keys in every partition, some hours after NOW, so that the windows advance."""
    fillers = [DedupEntry(make_dedup_key("filler", hours, n), f"0/{hours}-{n}") for n in range(64)]
    dedup.register(fillers, now=NOW + hours * HOUR)


def test_the_first_owner_keeps_a_key_and_can_register_it_again() -> None:
    entries = [DedupEntry(A, "0/1-1"), DedupEntry(B, "0/1-2"), DedupEntry(A, "0/1-3")]
    assert dedup.register(entries, now=NOW) == [NEW, NEW, DUPLICATE]
    assert dedup.register(entries, now=NOW) == [NEW, NEW, DUPLICATE]
    assert dedup.register([DedupEntry(A, "1/1-1")], now=NOW) == [DUPLICATE]


def test_a_higher_rank_replaces_a_lower_one_and_all_owners_get_the_same_results_again() -> None:
    ranks = (0, 4, 2, 5)
    entries = [DedupEntry(A, f"0/1-{number}", rank) for number, rank in enumerate(ranks, start=1)]
    assert dedup.register(entries, now=NOW) == [NEW, 0, DUPLICATE, 4]
    assert dedup.register(entries, now=NOW) == [NEW, 0, DUPLICATE, 4]


def test_the_results_do_not_depend_on_how_entries_are_split() -> None:
    rng = random.Random(3)
    entries = [
        DedupEntry(make_dedup_key(rng.randrange(40)), f"0/{n}-0", rng.randrange(6)) for n in range(300)
    ]
    expected = dedup.register(entries, now=NOW)
    state_redis().flushall()
    results: list[int] = []
    while len(results) < len(entries):
        results += dedup.register(entries[len(results) : len(results) + rng.randrange(1, 30)], now=NOW)
    assert results == expected


def test_keys_are_kept_for_two_days_and_not_for_three() -> None:
    dedup.register([DedupEntry(A, "0/1-1")], now=NOW)
    for hours in range(0, 48, 6):
        register_fillers(hours)
    assert dedup.register([DedupEntry(A, "0/2-1")], now=NOW + 48 * HOUR) == [DUPLICATE]
    for hours in range(48, 76, 6):
        register_fillers(hours)
    assert dedup.register([DedupEntry(A, "0/2-1")], now=NOW + 76 * HOUR) == [NEW]
    assert dedup.get_health().evicted == 0


def test_beyond_the_memory_limit_the_oldest_keys_are_evicted_and_counted(settings: Any) -> None:
    settings.ANALYTICS_MARKS_MB = 1
    max_keys = 1024 * 1024 // dedup.BYTES_PER_KEY
    entries = [DedupEntry(make_dedup_key(n), f"0/{n}-0") for n in range(2 * max_keys)]
    for start in range(0, len(entries), 1_000):
        dedup.register(entries[start : start + 1_000], now=NOW)
    health = dedup.get_health()
    assert health.stored <= max_keys * 1.1
    assert health.stored + health.evicted == 2 * max_keys
    newest = [DedupEntry(entry.key, "9/9-9") for entry in entries[-1_000:]]
    assert set(dedup.register(newest, now=NOW)) == {DUPLICATE}


def test_a_key_takes_no_more_memory_than_the_limit_assumes() -> None:
    for start in range(0, 40_000, 5_000):
        entries = [
            DedupEntry(make_dedup_key(n), dedup.make_owner(3, f"{int(NOW * 1_000)}-{n}"))
            for n in range(start, start + 5_000)
        ]
        dedup.register(entries, now=NOW)
    client = cast("Any", state_redis())
    used = sum(client.memory_usage(name, samples=0) for name in client.keys("dedup:*"))
    assert 0.5 * dedup.BYTES_PER_KEY < used / 40_000 <= dedup.BYTES_PER_KEY


def test_every_redis_key_of_dedup_keys_expires() -> None:
    dedup.register([DedupEntry(make_dedup_key(n), f"0/{n}-0") for n in range(200)], now=NOW)
    client = cast("Any", state_redis())
    names = client.keys("dedup:*")
    assert len(names) == 2 * dedup.PARTITIONS  # A ring and a window for each partition.
    assert all(0 < client.ttl(name) <= 3 * DAY for name in names)


@pytest.mark.parametrize("garbage", [b"garbage", b"", b"99", b"-1", b"1.5", b"1" * 30])
@pytest.mark.parametrize("field", ["newest", "since", "ended0", "ended1", "evicted"])
def test_an_unreadable_field_of_a_ring_counts_as_absent(field: str, garbage: bytes) -> None:
    partition = A[0] % dedup.PARTITIONS
    ring = keys.DEDUP_RING.name(partition=partition)
    assert dedup.register([DedupEntry(A, "0/1-0")], now=NOW) == [NEW]
    for hours in (0, 13, 26, 39, 52, 65):  # each begins a window; the last one drops the first
        state_redis().hset(ring, field, garbage)
        assert dedup.register([DedupEntry(A, "0/2-0")], now=NOW + hours * HOUR) in ([NEW], [DUPLICATE])
    assert dedup.get_health().stored >= 0


@pytest.mark.parametrize("garbage", [b"garbage", b"", b":,:", b"0/1-0:high", b"\xff:99,"])
def test_an_unreadable_owner_does_not_keep_a_key(garbage: bytes) -> None:
    register_one = [DedupEntry(A, "0/2-0", 10)]
    assert dedup.register([DedupEntry(A, "0/1-0", 20)], now=NOW) == [NEW]
    window = keys.DEDUP_KEYS.name(partition=A[0] % dedup.PARTITIONS, window=0)
    state_redis().hset(window, A, garbage)
    first = dedup.register(register_one, now=NOW)
    assert first in ([NEW], [DUPLICATE])
    assert dedup.register(register_one, now=NOW) == first
