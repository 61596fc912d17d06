"""Marks tell a repeated event from a repeated batch, within a bound of bytes."""

import random
from typing import Any, cast

from analytics import dedup
from analytics.dedup import DUPLICATE, NEW, DedupEntry
from analytics.event_format import make_dedup_key
from core.redis.client import state_redis
from core.units import HOUR

NOW = 1_795_000_000.0
A, B = make_dedup_key("a"), make_dedup_key("b")


def test_the_first_holder_keeps_a_mark_and_may_ask_as_often_as_it_likes() -> None:
    assert dedup.register(
        [DedupEntry(A, "0/1-1"), DedupEntry(B, "0/1-2"), DedupEntry(A, "0/1-3")], now=NOW
    ) == [
        NEW,
        NEW,
        DUPLICATE,
    ]
    assert dedup.register(
        [DedupEntry(A, "0/1-1"), DedupEntry(B, "0/1-2"), DedupEntry(A, "0/1-3")], now=NOW
    ) == [
        NEW,
        NEW,
        DUPLICATE,
    ]
    assert dedup.register([DedupEntry(A, "1/1-1")], now=NOW) == [DUPLICATE]


def test_a_higher_rank_takes_over_and_both_get_the_same_answers_again() -> None:
    claims = [
        DedupEntry(A, "0/1-1", 0),
        DedupEntry(A, "0/1-2", 4),
        DedupEntry(A, "0/1-3", 2),
        DedupEntry(A, "0/1-4", 5),
    ]
    assert dedup.register(claims, now=NOW) == [NEW, 0, DUPLICATE, 4]
    assert dedup.register(claims, now=NOW) == [NEW, 0, DUPLICATE, 4]


def test_however_claims_are_split_they_get_the_same_answers() -> None:
    rng = random.Random(3)
    claims = [DedupEntry(make_dedup_key(rng.randrange(40)), f"0/{n}-0", rng.randrange(6)) for n in range(300)]
    whole = dedup.register(claims, now=NOW)
    state_redis().flushall()
    parts: list[int] = []
    while len(parts) < len(claims):
        parts += dedup.register(claims[len(parts) : len(parts) + rng.randrange(1, 30)], now=NOW)
    assert parts == whole


def test_marks_live_two_days_and_not_three() -> None:
    dedup.register([DedupEntry(A, "0/1-1")], now=NOW)
    for hours in range(0, 48, 6):  # generations come and go
        dedup.register(
            [DedupEntry(make_dedup_key("filler", hours, n), f"0/{hours}-{n}") for n in range(64)],
            now=NOW + hours * HOUR,
        )
    assert dedup.register([DedupEntry(A, "0/2-1")], now=NOW + 48 * HOUR) == [DUPLICATE]
    for hours in range(48, 76, 6):
        dedup.register(
            [DedupEntry(make_dedup_key("filler", hours, n), f"0/{hours}-{n}") for n in range(64)],
            now=NOW + hours * HOUR,
        )
    assert dedup.register([DedupEntry(A, "0/2-1")], now=NOW + 76 * HOUR) == [NEW]
    assert dedup.get_health().evicted == 0


def test_beyond_the_bytes_granted_the_oldest_go_early_and_are_counted(settings: Any) -> None:
    settings.ANALYTICS_MARKS_MB = 1
    most = 1024 * 1024 // dedup.BYTES_PER_KEY
    claims = [DedupEntry(make_dedup_key(n), f"0/{n}-0") for n in range(2 * most)]
    for start in range(0, len(claims), 1_000):
        dedup.register(claims[start : start + 1_000], now=NOW)
    health = dedup.get_health()
    assert health.stored <= most * 1.1
    assert health.stored + health.evicted == 2 * most
    newest = [DedupEntry(claim.key, "9/9-9") for claim in claims[-1_000:]]
    assert set(dedup.register(newest, now=NOW)) == {DUPLICATE}


def test_a_mark_takes_the_bytes_that_the_bound_reckons_with() -> None:
    for start in range(0, 40_000, 5_000):
        claims = [
            DedupEntry(make_dedup_key(n), dedup.make_owner(3, f"{int(NOW * 1_000)}-{n}"))
            for n in range(start, start + 5_000)
        ]
        dedup.register(claims, now=NOW)
    client = cast("Any", state_redis())
    used = sum(client.memory_usage(name, samples=0) for name in client.keys("dedup:*"))
    assert 0.5 * dedup.BYTES_PER_KEY < used / 40_000 <= dedup.BYTES_PER_KEY


def test_every_key_of_marks_expires() -> None:
    dedup.register([DedupEntry(make_dedup_key(n), f"0/{n}-0") for n in range(200)], now=NOW)
    client = cast("Any", state_redis())
    assert all(0 < client.ttl(name) <= 3 * 24 * HOUR for name in client.keys("dedup:*"))
