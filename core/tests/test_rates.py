"""Rates and limits, as the environment gives them."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.throttling import rates
from core.throttling.rates import Rate, parse
from finishd.throttles import DEFAULTS

HOUR = 3600


@pytest.mark.parametrize(
    ("text", "limit", "seconds"),
    [
        ("120/min", 120, 60),
        ("5/s", 5, 1),
        ("10/15min", 10, 900),
        ("1000/d", 1000, 86400),
        ("7/2h", 7, 7200),
    ],
)
def test_a_rate_is_parsed(text: str, limit: int, seconds: int) -> None:
    assert parse(text) == Rate(limit, seconds)


def test_an_empty_rate_is_no_limit() -> None:
    assert parse("") is None


@pytest.mark.parametrize(
    "text", ["fast", "0/min", "-1/s", "10", "10/", "10/week", "10/0min", "1.5/s", " 10/s", "10/2d", "٣/s"]
)
def test_an_invalid_rate_is_reported_in_one_line_with_its_variable(text: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        rates.load_limits(DEFAULTS, lambda name, default: text if name == "THROTTLE_SEARCH_USER" else default)
    message = str(refused.value)
    assert message.startswith(f"THROTTLE_SEARCH_USER is {text!r}; a rate is written like 120/min")
    assert "\n" not in message


def test_the_feed_limit_is_above_a_fast_scroller_and_below_a_scraper() -> None:
    feed = rates.load_limits(DEFAULTS, lambda _, default: default)["feed"]
    assert feed.user is not None
    assert feed.address is not None
    assert feed.user.limit >= 60  # pages of 40 items per minute: forty items per second
    assert feed.user.limit * 40 * 60 < 500_000  # items per hour
    assert feed.address.limit >= 20 * feed.user.limit


def test_a_rate_counts_requests_as_the_limiter_does() -> None:
    rate, full_at, now = Rate(7, HOUR), 0, 1_700_000_000_000_000
    for _ in range(7):
        full_at, over = rate.add_request(full_at, now)
        assert over == 0
    _, over = rate.add_request(full_at, now)
    assert over == rate.interval
    assert rate.add_request(full_at, now + over)[1] == 0


def test_a_time_from_a_clock_that_was_ahead_is_clamped() -> None:
    rate, now = Rate(7, HOUR), 1_700_000_000_000_000
    clamped, over = rate.add_request(now + 600 * rate.burst, now)
    assert (clamped, over) == (now + rate.burst, rate.interval)
    assert rate.add_request(clamped, now + over) == (now + over + rate.burst, 0)
