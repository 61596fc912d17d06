"""Throttled requests: by user and by address, with headers that say when to retry."""

import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient
from rest_framework.views import APIView
from structlog.contextvars import get_contextvars

from core.redis.client import count_round_trips
from core.tests.throttling_tools import HOUR, STATS, Allow, statuses
from core.throttling import keys, limiter
from core.throttling.addresses import TrustedProxies
from core.throttling.drf import ScopeThrottle
from core.throttling.rates import Limits, Rate
from finishd.privacy import services
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client

FEED = "/api/v1/feed"


@pytest.mark.django_db
class TestResponses:
    def test_a_request_over_the_limit_gets_a_429(self, allow: Allow) -> None:
        allow("read", user=Rate(2, HOUR))
        ama = get_client("ama")
        assert statuses(ama, 2) == [200, 200]
        refused = ama.get(STATS)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == pytest.approx(1800, abs=2)
        body = refused.json()
        assert body.pop("message")
        assert body == {"error": True, "statusCode": 429, "code": "throttled"}

    def test_every_response_has_the_remaining_requests(self, allow: Allow) -> None:
        allow("read", user=Rate(2, HOUR), address=Rate(60, 60))
        ama = get_client("ama")
        responses = [ama.get(STATS) for _ in range(3)]
        assert {response.headers["RateLimit-Policy"] for response in responses} == {
            '"user";q=2;w=3600, "address";q=60;w=60'
        }
        assert [response.headers["RateLimit"] for response in responses] == [
            '"user";r=1;t=1800, "address";r=59;t=1',
            '"user";r=0;t=3600, "address";r=58;t=2',
            '"user";r=0;t=3600, "address";r=57;t=3',
        ]

    def test_error_responses_have_them_too(self, allow: Allow) -> None:
        allow("search", user=Rate(5, HOUR))
        response = get_client("ama").get("/api/v1/search", {"q": "x"})
        assert (response.status_code, response.headers["RateLimit"]) == (400, '"user";r=4;t=720')

    def test_each_user_has_a_bucket(self, allow: Allow) -> None:
        allow("read", user=Rate(1, HOUR))
        assert statuses(get_client("ama"), 2) == [200, 429]
        assert statuses(get_client("kofi"), 2) == [200, 429]

    def test_all_users_of_an_address_share_its_bucket(self, allow: Allow) -> None:
        allow("read", address=Rate(2, HOUR))
        assert [statuses(get_client(uid), 1) for uid in ("ama", "kofi", "mei")] == [[200], [200], [429]]
        assert statuses(get_client("ama"), 1, REMOTE_ADDR="192.0.2.7") == [200]

    def test_each_scope_is_counted_separately(self, allow: Allow) -> None:
        allow("read", user=Rate(1, HOUR))
        assert statuses(get_client("ama"), 2) == [200, 429]
        assert statuses(get_client("ama"), 2, "/api/v1/search?q=dune") == [200, 200]

    def test_a_scope_without_limits_adds_no_headers(self, allow: Allow) -> None:
        allow("read")
        response = get_client("ama").get(STATS)
        assert response.status_code == 200
        assert "RateLimit" not in response.headers
        assert "RateLimit-Policy" not in response.headers

    def test_an_erasure_deletes_a_users_buckets(self) -> None:
        statuses(get_client("ama"), 1)
        # With the high limits of tests a bucket is full again at once.
        limits = Limits("read", user=Rate(2, HOUR))
        limiter.count_request(limits, user=keys.THROTTLE_VIEWER.name(viewer="ama", scope="read"), address="-")
        assert services.find_references("ama") == {"redis: throttle:{<viewer>}:<scope>": 1}
        services.erase("ama", until=time.monotonic() + 60)
        assert services.find_references("ama") == {}


@pytest.mark.django_db
class TestRequestsWithoutAValidToken:
    def test_they_are_counted_by_address_and_then_rejected(self, allow: Allow) -> None:
        allow("denied", address=Rate(3, HOUR))
        without_token, with_bad_token = APIClient(), APIClient()
        with_bad_token.credentials(HTTP_AUTHORIZATION="Bearer a.b.c")
        assert statuses(without_token, 2) + statuses(with_bad_token, 2) == [401, 401, 401, 429]
        refused = with_bad_token.get(STATS)
        assert refused.json()["code"] == "throttled"
        assert int(refused.headers["Retry-After"]) > 1000
        assert refused.headers["RateLimit"].startswith('"address";r=0;')
        assert statuses(with_bad_token, 1, REMOTE_ADDR="192.0.2.7") == [401]

    def test_they_do_not_affect_authenticated_requests_from_the_same_address(self, allow: Allow) -> None:
        allow("denied", address=Rate(1, HOUR))
        assert statuses(APIClient(), 2) == [401, 429]
        assert statuses(get_client("ama"), 1) == [200]

    def test_they_cost_one_round_trip(self) -> None:
        statuses(APIClient(), 1)  # loads the script
        with count_round_trips() as trips:
            assert statuses(APIClient(), 1) == [401]
        assert trips == ["pipeline of 1"]

    def test_they_get_a_challenge_and_rate_limit_headers(self, allow: Allow) -> None:
        allow("denied", address=Rate(5, HOUR))
        response = APIClient().get(STATS)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert response.headers["RateLimit"] == '"address";r=4;t=720'


@pytest.mark.django_db
class TestBehindProxies:
    def test_without_trusted_proxies_a_forged_header_is_ignored(self, allow: Allow) -> None:
        allow("read", address=Rate(2, HOUR))
        ama = get_client("ama")
        forged = [{"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}"} for number in range(3)]
        assert [statuses(ama, 1, **header) for header in forged] == [[200], [200], [429]]

    def test_the_header_of_a_trusted_proxy_is_used(self, allow: Allow, settings: Any) -> None:
        settings.TRUSTED_PROXIES = TrustedProxies.parse(["127.0.0.0/8"])
        allow("read", address=Rate(1, HOUR))
        ama = get_client("ama")
        assert statuses(ama, 2, HTTP_X_FORWARDED_FOR="198.51.100.1") == [200, 429]
        assert statuses(ama, 2, HTTP_X_FORWARDED_FOR="198.51.100.2") == [200, 429]
        # Text that the client wrote is further left.
        assert statuses(ama, 1, HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.1") == [429]


class TestWithoutRedis:
    @pytest.mark.parametrize("path", [FEED, STATS, "/api/v1/search?q=dune", "/api/schema"])
    def test_no_request_is_allowed_without_being_counted(self, path: str, redis_server: RedisServer) -> None:
        ama = get_client("ama")
        redis_server.stop()
        response = ama.get(path)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")
        assert int(response.headers["Retry-After"]) >= 1

    def test_a_request_without_a_token_gets_a_503(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        response = APIClient().get(FEED)
        assert (response.status_code, response.json()["code"]) == (503, "unavailable")

    def test_health_checks_are_not_counted(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        assert Client().get("/health").status_code == 200


def views() -> Iterator[tuple[str, type[APIView]]]:
    """Iterate over the views of the API, by path."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, type[APIView]]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            elif (found := getattr(pattern.callback, "cls", None)) is not None:
                yield path, found

    return walk(get_resolver().url_patterns, "")


def test_every_view_of_the_api_is_throttled() -> None:
    assert [path for path, view in views() if view.throttle_classes != [ScopeThrottle]] == []


def test_views_with_their_own_scope() -> None:
    scopes = {path: scope for path, view in views() if (scope := getattr(view, "throttle_scope", None))}
    assert scopes == {"api/v1/feed": "feed", "api/v1/search": "search", "api/v1/analytics/event": "events"}


class Bound(logging.Handler):
    """Collects the bound fields of each log line."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(dict(get_contextvars()))


@pytest.fixture
def bound() -> Iterator[list[dict[str, Any]]]:
    access, handler = logging.getLogger("core.access"), Bound()
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    yield handler.seen
    access.removeHandler(handler)
    access.setLevel(logging.NOTSET)


@pytest.mark.django_db
def test_the_log_names_the_address_of_rejected_requests_only(
    allow: Allow, bound: list[dict[str, Any]]
) -> None:
    allow("read", address=Rate(1, HOUR))
    assert statuses(get_client("ama"), 2, REMOTE_ADDR="203.0.113.9") == [200, 429]
    first, second = bound
    assert "address" not in first
    assert (second["throttled"], second["address"]) == ("read", "203.0.113.9")
