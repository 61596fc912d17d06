"""How often one may ask: exact under races, by user and by address, with the answer that says when to come back."""

import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient
from rest_framework.views import APIView
from structlog.contextvars import get_contextvars

from core.redis.client import count_round_trips, state_redis
from core.throttling import keys, limiter, rates
from core.throttling.addresses import TrustedProxies
from core.throttling.drf import ScopeThrottle
from core.throttling.rates import Limits, Rate, parse
from finishd.privacy import services
from finishd.run.embedded_redis import RedisServer
from finishd.testing.api import get_client, get_token
from finishd.testing.processes import processes
from finishd.throttles import DEFAULTS

FEED, STATS = "/api/v1/feed", "/api/v1/social/stats/kofi"
HOUR = 3600
Allow = Callable[..., None]


@pytest.fixture
def allow(settings: Any) -> Allow:
    """Change what a class may do: `allow("feed", user=Rate(2, HOUR))`, and nothing else limits it."""

    def change(scope: str, **sides: Rate) -> None:
        settings.THROTTLES = {**settings.THROTTLES, scope: Limits(scope, **sides)}

    return change


def statuses(client: Client, number: int, path: str = STATS, **headers: str) -> list[int]:
    return [client.get(path, **headers).status_code for _ in range(number)]  # type: ignore[arg-type]


class TestRates:
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
    def test_as_they_are_written(self, text: str, limit: int, seconds: int) -> None:
        assert parse(text) == Rate(limit, seconds)

    def test_an_empty_one_is_no_limit(self) -> None:
        assert parse("") is None

    @pytest.mark.parametrize(
        "text", ["fast", "0/min", "-1/s", "10", "10/", "10/week", "10/0min", "1.5/s", " 10/s", "10/2d", "٣/s"]
    )
    def test_a_bad_one_is_told_in_one_line_that_names_it(self, text: str) -> None:
        with pytest.raises(ImproperlyConfigured) as refused:
            rates.load_limits(
                DEFAULTS, lambda name, default: text if name == "THROTTLE_SEARCH_USER" else default
            )
        said = str(refused.value)
        assert said.startswith(f"THROTTLE_SEARCH_USER is {text!r}; a rate is written like 120/min")
        assert "\n" not in said

    def test_a_fast_scroller_is_never_hit_and_a_scraper_is(self) -> None:
        feed = rates.load_limits(DEFAULTS, lambda _, default: default)["feed"]
        assert feed.user is not None
        assert feed.address is not None
        assert feed.user.limit >= 60  # pages of 40 in a minute: forty cards a second
        assert feed.user.limit * 40 * 60 < 500_000  # cards an hour
        assert feed.address.limit >= 20 * feed.user.limit


class TestTheLimiter:
    def take(
        self, limits: Limits, user: str | None = "ama", address: str = "192.0.2.1"
    ) -> limiter.LimitResult:
        return limiter.count_request(
            limits,
            user=user and keys.THROTTLE_VIEWER.name(viewer=user, scope=limits.scope),
            address=keys.THROTTLE_ADDRESS.name(address=address, scope=limits.scope),
        )

    def test_of_many_at_once_exactly_as_many_are_let_in_as_may(self) -> None:
        limits = Limits("feed", user=Rate(20, HOUR))
        with ThreadPoolExecutor(32) as pool:
            waits = [verdict.retry_after for verdict in pool.map(lambda _: self.take(limits), range(160))]
        assert waits.count(0) == 20

    @pytest.mark.parametrize("limit", [1, 7, 1000])
    def test_a_limit_that_does_not_divide_its_time_is_exact_too(self, limit: int) -> None:
        limits = Limits("feed", user=Rate(limit, HOUR))
        assert all(self.take(limits).retry_after == 0 for _ in range(limit))
        assert 0 < self.take(limits).retry_after <= HOUR / limit

    def test_whoever_waits_as_long_as_told_is_let_in_once(self) -> None:
        limits = Limits("feed", user=Rate(4, 1))
        while (wait := self.take(limits).retry_after) == 0:
            pass
        assert wait <= 0.25
        time.sleep(wait)
        assert self.take(limits).retry_after == 0

    def test_a_refused_request_makes_nobody_wait_longer(self) -> None:
        limits = Limits("feed", user=Rate(1, HOUR))
        self.take(limits)
        first = self.take(limits).retry_after
        assert max(self.take(limits).retry_after for _ in range(50)) <= first

    def test_a_bucket_is_forgotten_when_it_is_full_again(self) -> None:
        self.take(Limits("feed", user=Rate(60, HOUR), address=Rate(3600, HOUR)))
        left = [state_redis().pttl(name) for name in sorted(state_redis().keys("throttle*"))]
        assert left == pytest.approx([1_000, 60_000], rel=0.2)  # of the address, of the user

    def test_user_and_address_cost_one_wait_together(self) -> None:
        limits = Limits("feed", user=Rate(9, HOUR), address=Rate(9, HOUR))
        self.take(limits)
        with count_round_trips() as waits:
            self.take(limits)
        assert waits == ["pipeline of 2"]

    def test_without_limits_nothing_is_asked(self) -> None:
        with count_round_trips() as waits:
            assert self.take(Limits("feed")) == limiter.LimitResult(0, "")
            assert self.take(Limits("denied", user=Rate(1, HOUR)), user=None) == limiter.LimitResult(0, "")
        assert waits == []

    def test_a_server_that_forgot_the_script_counts_all_the_same(self) -> None:
        limits = Limits("feed", user=Rate(3, HOUR), address=Rate(9, HOUR))
        states = []
        for _ in range(3):
            state_redis().script_flush()
            states.append(self.take(limits).rate_limit_header)
        assert [re.findall(r"r=(\d+)", state) for state in states] == [["2", "8"], ["1", "7"], ["0", "6"]]

    def test_sql_counts_as_redis_does(self) -> None:
        rate, full_at, now = Rate(7, HOUR), 0, 1_700_000_000_000_000
        for _ in range(7):
            full_at, over = rate.add_request(full_at, now)
            assert over == 0
        _, over = rate.add_request(full_at, now)
        assert over == rate.interval
        assert rate.add_request(full_at, now + over)[1] == 0


@pytest.mark.django_db
class TestAnswers:
    def test_beyond_the_limit_there_is_a_429_in_the_one_shape(self, allow: Allow) -> None:
        allow("read", user=Rate(2, HOUR))
        ama = get_client("ama")
        assert statuses(ama, 2) == [200, 200]
        refused = ama.get(STATS)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == pytest.approx(1800, abs=2)
        shape = refused.json()
        assert shape.pop("message")
        assert shape == {"error": True, "statusCode": 429, "code": "throttled"}

    def test_every_answer_says_what_is_left(self, allow: Allow) -> None:
        allow("read", user=Rate(2, HOUR), address=Rate(60, 60))
        ama = get_client("ama")
        answers = [ama.get(STATS) for _ in range(3)]
        assert {answer.headers["RateLimit-Policy"] for answer in answers} == {
            '"user";q=2;w=3600, "address";q=60;w=60'
        }
        assert [answer.headers["RateLimit"] for answer in answers] == [
            '"user";r=1;t=1800, "address";r=59;t=1',
            '"user";r=0;t=3600, "address";r=58;t=2',
            '"user";r=0;t=3600, "address";r=57;t=3',
        ]

    def test_errors_say_it_as_well(self, allow: Allow) -> None:
        allow("search", user=Rate(5, HOUR))
        answer = get_client("ama").get("/api/v1/search", {"q": "x"})
        assert (answer.status_code, answer.headers["RateLimit"]) == (400, '"user";r=4;t=720')

    def test_each_user_has_a_bucket(self, allow: Allow) -> None:
        allow("read", user=Rate(1, HOUR))
        assert statuses(get_client("ama"), 2) == [200, 429]
        assert statuses(get_client("kofi"), 2) == [200, 429]

    def test_an_address_has_one_for_all_its_users(self, allow: Allow) -> None:
        allow("read", address=Rate(2, HOUR))
        assert [statuses(get_client(uid), 1) for uid in ("ama", "kofi", "mei")] == [[200], [200], [429]]
        assert statuses(get_client("ama"), 1, REMOTE_ADDR="192.0.2.7") == [200]

    def test_each_class_of_requests_is_counted_apart(self, allow: Allow) -> None:
        allow("read", user=Rate(1, HOUR))
        assert statuses(get_client("ama"), 2) == [200, 429]
        assert statuses(get_client("ama"), 2, "/api/v1/search?q=dune") == [200, 200]

    def test_a_side_that_is_off_is_not_named(self, allow: Allow) -> None:
        allow("read")
        answer = get_client("ama").get(STATS)
        assert answer.status_code == 200
        assert "RateLimit" not in answer.headers
        assert "RateLimit-Policy" not in answer.headers

    def test_what_is_counted_goes_with_the_person(self) -> None:
        statuses(get_client("ama"), 1)
        # With the high limits of tests a bucket is full again at once.
        limits = Limits("read", user=Rate(2, HOUR))
        limiter.count_request(limits, user=keys.THROTTLE_VIEWER.name(viewer="ama", scope="read"), address="-")
        assert services.find_references("ama") == {"redis: throttle:{<viewer>}:<scope>": 1}
        services.erase("ama", until=time.monotonic() + 60)
        assert services.find_references("ama") == {}


@pytest.mark.django_db
class TestCallersWithoutAGoodToken:
    def test_are_counted_by_address_and_then_refused(self, allow: Allow) -> None:
        allow("denied", address=Rate(3, HOUR))
        nobody, liar = APIClient(), APIClient()
        liar.credentials(HTTP_AUTHORIZATION="Bearer a.b.c")
        assert statuses(nobody, 2) + statuses(liar, 2) == [401, 401, 401, 429]
        refused = liar.get(STATS)
        assert refused.json()["code"] == "throttled"
        assert int(refused.headers["Retry-After"]) > 1000
        assert refused.headers["RateLimit"].startswith('"address";r=0;')
        assert statuses(liar, 1, REMOTE_ADDR="192.0.2.7") == [401]

    def test_do_not_keep_those_with_one_from_the_same_address_out(self, allow: Allow) -> None:
        allow("denied", address=Rate(1, HOUR))
        assert statuses(APIClient(), 2) == [401, 429]
        assert statuses(get_client("ama"), 1) == [200]

    def test_cost_one_wait(self) -> None:
        with count_round_trips() as waits:
            assert statuses(APIClient(), 1) == [401]
        assert waits == ["pipeline of 1"]

    def test_are_told_who_they_would_have_to_be(self, allow: Allow) -> None:
        allow("denied", address=Rate(5, HOUR))
        answer = APIClient().get(STATS)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["RateLimit"] == '"address";r=4;t=720'


@pytest.mark.django_db
class TestBehindProxies:
    def test_a_forged_header_is_another_way_to_the_same_bucket(self, allow: Allow) -> None:
        allow("read", address=Rate(2, HOUR))
        ama = get_client("ama")
        forged = [{"HTTP_X_FORWARDED_FOR": f"198.51.100.{number}"} for number in range(3)]
        assert [statuses(ama, 1, **header) for header in forged] == [[200], [200], [429]]

    def test_a_trusted_one_says_whose_request_it_is(self, allow: Allow, settings: Any) -> None:
        settings.TRUSTED_PROXIES = TrustedProxies.parse(["127.0.0.0/8"])
        allow("read", address=Rate(1, HOUR))
        ama = get_client("ama")
        assert statuses(ama, 2, HTTP_X_FORWARDED_FOR="198.51.100.1") == [200, 429]
        assert statuses(ama, 2, HTTP_X_FORWARDED_FOR="198.51.100.2") == [200, 429]
        # What the client itself wrote stands further left.
        assert statuses(ama, 1, HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.1") == [429]


class TestWithoutRedis:
    @pytest.mark.parametrize("path", [FEED, STATS, "/api/v1/search?q=dune", "/api/schema"])
    def test_nobody_is_let_in_uncounted(self, path: str, redis_server: RedisServer) -> None:
        ama = get_client("ama")
        redis_server.stop()
        answer = ama.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) >= 1

    def test_nor_is_a_caller_without_a_token(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        answer = APIClient().get(FEED)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    def test_nor_is_anybody_while_redis_is_full(self) -> None:
        before = str(state_redis().config_get("maxmemory")["maxmemory"])
        state_redis().config_set("maxmemory", 1)
        try:
            answer = get_client("ama").get(STATS)
        finally:
            state_redis().config_set("maxmemory", before)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")

    def test_health_is_not_counted(self, redis_server: RedisServer) -> None:
        redis_server.stop()
        assert Client().get("/health").status_code == 200


def views() -> Iterator[tuple[str, type[APIView]]]:
    """All of the API, by path."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, type[APIView]]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            elif (found := getattr(pattern.callback, "cls", None)) is not None:
                yield path, found

    return walk(get_resolver().url_patterns, "")


def test_every_path_of_the_api_is_counted() -> None:
    assert [path for path, view in views() if view.throttle_classes != [ScopeThrottle]] == []


def test_paths_that_have_a_class_of_their_own() -> None:
    scopes = {path: scope for path, view in views() if (scope := getattr(view, "throttle_scope", None))}
    assert scopes == {"api/v1/feed": "feed", "api/v1/search": "search", "api/v1/analytics/event": "events"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_several_processes_let_in_as_many_as_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    limited = {"THROTTLE_READ_USER": "20/h", "THROTTLE_READ_ADDRESS": "30/h"}
    with processes(tmp_path_factory.mktemp("webs")) as started:
        webs = [started.web(**limited), started.web(**limited)]
        get_token("ama")

        def ask(number: int, uid: str) -> httpx.Response:
            return webs[number % 2].get(STATS, uid)

        with ThreadPoolExecutor(16) as pool:
            ama = Counter(pool.map(lambda number: ask(number, "ama").status_code, range(60)))
        assert ama == {HTTPStatus.OK: 20, HTTPStatus.TOO_MANY_REQUESTS: 40}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_the_server_passes_on_whose_request_it_is(tmp_path_factory: pytest.TempPathFactory) -> None:
    limited = {"THROTTLE_READ_ADDRESS": "1/h", "TRUSTED_PROXIES": "127.0.0.1"}
    with processes(tmp_path_factory.mktemp("webs")) as started:
        web = started.web(**limited)

        def ask(*forwarded: str) -> int:
            lines = [("X-Forwarded-For", line) for line in forwarded]
            return web.get(STATS, "ama", headers=lines).status_code

        # A proxy may add a line of its own behind the one that the client wrote, or write on in that.
        assert ask("203.0.113.1", "198.51.100.1") == 200
        assert ask("203.0.113.2", "198.51.100.1") == 429
        assert ask("203.0.113.3, 198.51.100.1") == 429
        assert ask("198.51.100.2") == 200
        assert ask() == 200
        assert ask() == 429


class Bound(logging.Handler):
    """What is bound to each line, as the log's form writes it."""

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
def test_the_log_names_the_address_of_who_is_refused_and_of_nobody_else(
    allow: Allow, bound: list[dict[str, Any]]
) -> None:
    allow("read", address=Rate(1, HOUR))
    assert statuses(get_client("ama"), 2, REMOTE_ADDR="203.0.113.9") == [200, 429]
    first, second = bound
    assert "address" not in first
    assert (second["throttled"], second["address"]) == ("read", "203.0.113.9")
