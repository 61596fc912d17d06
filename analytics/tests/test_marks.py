"""Marks tell a repeated event from a repeated batch, within a bound of bytes."""

import random
from typing import Any, cast

from analytics import marks
from analytics.marks import FRESH, HELD, Claim
from analytics.packing import digest_of
from core.redis.client import state_redis
from core.units import HOUR

NOW = 1_795_000_000.0
A, B = digest_of("a"), digest_of("b")


def test_the_first_holder_keeps_a_mark_and_may_ask_as_often_as_it_likes() -> None:
    assert marks.claim([Claim(A, "0/1-1"), Claim(B, "0/1-2"), Claim(A, "0/1-3")], now=NOW) == [
        FRESH,
        FRESH,
        HELD,
    ]
    assert marks.claim([Claim(A, "0/1-1"), Claim(B, "0/1-2"), Claim(A, "0/1-3")], now=NOW) == [
        FRESH,
        FRESH,
        HELD,
    ]
    assert marks.claim([Claim(A, "1/1-1")], now=NOW) == [HELD]


def test_a_higher_rank_takes_over_and_both_get_the_same_answers_again() -> None:
    claims = [Claim(A, "0/1-1", 0), Claim(A, "0/1-2", 4), Claim(A, "0/1-3", 2), Claim(A, "0/1-4", 5)]
    assert marks.claim(claims, now=NOW) == [FRESH, 0, HELD, 4]
    assert marks.claim(claims, now=NOW) == [FRESH, 0, HELD, 4]


def test_however_claims_are_split_they_get_the_same_answers() -> None:
    rng = random.Random(3)
    claims = [Claim(digest_of(rng.randrange(40)), f"0/{n}-0", rng.randrange(6)) for n in range(300)]
    whole = marks.claim(claims, now=NOW)
    state_redis().flushall()
    parts: list[int] = []
    while len(parts) < len(claims):
        parts += marks.claim(claims[len(parts) : len(parts) + rng.randrange(1, 30)], now=NOW)
    assert parts == whole


def test_marks_live_two_days_and_not_three() -> None:
    marks.claim([Claim(A, "0/1-1")], now=NOW)
    for hours in range(0, 48, 6):  # generations come and go
        marks.claim(
            [Claim(digest_of("filler", hours, n), f"0/{hours}-{n}") for n in range(64)],
            now=NOW + hours * HOUR,
        )
    assert marks.claim([Claim(A, "0/2-1")], now=NOW + 48 * HOUR) == [HELD]
    for hours in range(48, 76, 6):
        marks.claim(
            [Claim(digest_of("filler", hours, n), f"0/{hours}-{n}") for n in range(64)],
            now=NOW + hours * HOUR,
        )
    assert marks.claim([Claim(A, "0/2-1")], now=NOW + 76 * HOUR) == [FRESH]
    assert marks.health().evicted == 0


def test_beyond_the_bytes_granted_the_oldest_go_early_and_are_counted(settings: Any) -> None:
    settings.ANALYTICS_MARKS_MB = 1
    most = 1024 * 1024 // marks.MARK_BYTES
    claims = [Claim(digest_of(n), f"0/{n}-0") for n in range(2 * most)]
    for start in range(0, len(claims), 1_000):
        marks.claim(claims[start : start + 1_000], now=NOW)
    health = marks.health()
    assert health.kept <= most * 1.1
    assert health.kept + health.evicted == 2 * most
    newest = [Claim(claim.digest, "9/9-9") for claim in claims[-1_000:]]
    assert set(marks.claim(newest, now=NOW)) == {HELD}


def test_a_mark_takes_the_bytes_that_the_bound_reckons_with() -> None:
    for start in range(0, 40_000, 5_000):
        claims = [
            Claim(digest_of(n), marks.holder(3, f"{int(NOW * 1_000)}-{n}"))
            for n in range(start, start + 5_000)
        ]
        marks.claim(claims, now=NOW)
    client = cast("Any", state_redis())
    used = sum(client.memory_usage(name, samples=0) for name in client.keys("marks:*"))
    assert 0.5 * marks.MARK_BYTES < used / 40_000 <= marks.MARK_BYTES


def test_every_key_of_marks_expires() -> None:
    marks.claim([Claim(digest_of(n), f"0/{n}-0") for n in range(200)], now=NOW)
    client = cast("Any", state_redis())
    assert all(0 < client.ttl(name) <= 3 * 24 * HOUR for name in client.keys("marks:*"))
