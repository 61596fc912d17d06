"""Which real responses count as bad, according to the rules in docs/operations/alerts.yaml."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from promql_parser import MatchOp

from feed.tests import world
from finishd.operations.tests.exported import get_rules
from finishd.operations.tests.promql import get_selectors
from finishd.operations.tests.scraping import TOKEN, Samples, scrape
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


@pytest.fixture(autouse=True)
def _token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def matches(matcher: Any, value: str) -> bool:
    match matcher.op:
        case MatchOp.Equal:
            return bool(value == matcher.value)
        case MatchOp.NotEqual:
            return bool(value != matcher.value)
    return bool(re.fullmatch(matcher.value, value)) == bool(matcher.op == MatchOp.Re)


def count(samples: Samples, record: str, slo: str) -> Iterator[float]:
    """Yield the sum of the samples that each selector of a rule takes."""
    (rule,) = [rule for rule in get_rules() if rule.get("record") == record and rule["labels"]["slo"] == slo]
    for selector in get_selectors(rule["expr"]):
        yield sum(
            value
            for (name, labels), value in samples.items()
            if name == selector.name
            and all(matches(matcher, dict(labels)[matcher.name]) for matcher in selector.matchers.matchers)
        )


def count_availability() -> tuple[float, float]:
    """Return how many responses were bad, and how many count."""
    samples = scrape()
    bad, *_ = count(samples, "finishd:slo_bad:rate5m", "availability")
    (total,) = count(samples, "finishd:slo_total:rate5m", "availability")
    return bad, total


def get_increase(before: tuple[float, float]) -> tuple[float, float]:
    bad, total = count_availability()
    return bad - before[0], total - before[1]


def test_a_503_of_a_lost_dependency_is_bad(redis_server: RedisServer) -> None:
    before = count_availability()
    redis_server.stop()
    assert get_client("ama").get("/api/v1/feed").status_code == 503
    redis_server.start()
    assert get_increase(before) == (1, 1)


def test_a_page_counts_and_mistakes_and_health_checks_do_not() -> None:
    world.catalogue(30)
    world.build()
    client, before = get_client("ama"), count_availability()
    assert client.get("/api/v1/feed").status_code == 200
    assert client.get("/api/v1/feed?limit=none").status_code == 400
    assert client.get("/api/v1/no/such/path").status_code == 404
    assert client.get("/health").status_code == 200
    assert get_increase(before) == (0, 1)


def test_a_page_is_in_the_count_and_in_a_bucket_of_the_latency() -> None:
    world.catalogue(30)
    world.build()
    before = list(count(scrape(), "finishd:slo_bad:rate5m", "latency"))
    assert get_client("ama").get("/api/v1/feed").status_code == 200
    pages, fast = count(scrape(), "finishd:slo_bad:rate5m", "latency")
    assert pages - before[0] == 1
    assert fast - before[1] in {0, 1}  # slow on a busy machine
    names = {(name, labels) for name, labels in scrape() if dict(labels).get("le") == "0.3"}
    assert any("/api/v1/feed" in dict(labels).values() for _, labels in names)
