"""The endpoints that the fault matrix calls."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from finishd.testing.processes import Web

VIEWER: Final = "ama"  # a person of the demo world who has data of every kind
Json = dict[str, Any]
_numbers = itertools.count()


class Cursors(Protocol):
    """The attribute of a `Stack` that endpoints use."""

    @property
    def cursors(self) -> Mapping[Web, str]: ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A request that a phone, a load balancer or a browser sends. `deadline` is in seconds."""

    name: str
    send: Callable[[Web, Cursors], httpx.Response]
    deadline: float


def _feed(**query: Any) -> Callable[[Web, Cursors], httpx.Response]:
    return lambda web, _: web.get("/api/v1/feed", VIEWER, limit=10, **query)


def _get(path: str, **query: Any) -> Callable[[Web, Cursors], httpx.Response]:
    return lambda web, _: web.get(path, VIEWER, **query)


def _post(path: str, body: Callable[[int], Json]) -> Callable[[Web, Cursors], httpx.Response]:
    """Return a POST request. `body` receives a number that differs for each request."""
    return lambda web, _: web.post(path, VIEWER, **body(next(_numbers)))


def _next_page(web: Web, stack: Cursors) -> httpx.Response:
    return web.get("/api/v1/feed", VIEWER, limit=10, cursor=stack.cursors[web])


def _cold_viewer(web: Web, _: Cursors) -> httpx.Response:
    """Request a feed for a viewer without cached data."""
    return web.get("/api/v1/feed", f"newcomer-{next(_numbers)}", limit=10)


def _event(number: int) -> Json:
    at = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime()) + f"{number % 1_000:03}Z"
    return {"events": [{"eventType": "like", "itemId": "arrival-2016", "timestamp": at}]}


def _relation(number: int) -> Json:
    return {"title_id": 329865, "media_type": "movie", "rating": 1 + number // 5 % 5, "is_favorite": False}


def _preferences(number: int) -> Json:
    return {"selectedGenres": ["Drama", ("Comedy", "Thriller")[number % 2]]}


PAGE: Final = 1.0  # deadlines in seconds
REQUEST: Final = 1.5
FEEDS: Final = ("first page", "repeated page", "next page", "following", "trending", "cold viewer")
ENDPOINTS: Final = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("first page", _feed(refresh="true"), PAGE),
        Endpoint("repeated page", _feed(), PAGE),
        Endpoint("next page", _next_page, PAGE),
        Endpoint("following", _feed(feed_type="following"), PAGE),
        Endpoint("trending", _feed(feed_type="trending", refresh="true"), PAGE),
        Endpoint("cold viewer", _cold_viewer, PAGE),
        Endpoint("events", _post("/api/v1/analytics/event", _event), REQUEST),
        Endpoint("titles", _post("/api/v1/user-titles/sync", _relation), REQUEST),
        Endpoint(
            "preferences",
            _post("/api/v1/user/preferences/sync", _preferences),
            REQUEST,
        ),
        Endpoint(
            "follow",
            _post(
                "/api/v1/social/follow",
                lambda n: {"target_uid": "luca", "action": ("follow", "unfollow")[n % 2]},
            ),
            REQUEST,
        ),
        Endpoint("followers", _get(f"/api/v1/social/followers/{VIEWER}"), REQUEST),
        Endpoint("stats", _get(f"/api/v1/social/stats/{VIEWER}"), REQUEST),
        Endpoint("mutuals", _get(f"/api/v1/social/mutuals/{VIEWER}"), REQUEST),
        Endpoint("search", _get("/api/v1/search", q="the"), REQUEST),
        Endpoint("live", _get("/health"), PAGE),
        Endpoint("ready", _get("/health/ready"), PAGE),
        Endpoint("admin", _get("/admin/login/"), REQUEST),
    )
}


@dataclass(frozen=True, slots=True)
class EndpointResponse:
    """The response of an endpoint. `degraded` contains the missing parts that a feed reported."""

    endpoint: str
    status: int
    seconds: float
    body: Json
    retry_after: str | None

    @property
    def degraded(self) -> set[str]:
        return set(self.body["meta"]["degraded"]) if self.endpoint in FEEDS and self.status == 200 else set()
