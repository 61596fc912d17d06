"""The classes of requests and their lanes, for the front. docs/decisions/0031 has the reasons for the numbers.

Next pages may fill the whole queue, because a viewer who scrolls notices a missing page most. Events may fill the
smallest part: phones send them again.
"""

import re
from typing import Final

from django.conf import settings

from analytics.types import MAX_BODY_BYTES as MAX_EVENTS_BYTES
from core.front import Lane, RequestClass

_CURSOR: Final = re.compile(rb"(?:^|&)cursor=[^&]")
# The app asks below its base URL, which ends with the API's prefix.
LIVE_PATHS: Final = ("/health", "/api/v1/health", "/api/v1/feed/health")
_OPERATIONS_PATHS: Final = ("/metrics", "/health/ready", *LIVE_PATHS)

API: Final = Lane("api", settings.WEB_THREADS, settings.WEB_QUEUE)
# Search waits longer than other requests, so it must not fill their queue. 10 s of searches fit in.
SEARCH: Final = Lane("search", 2, 4 * settings.WEB_QUEUE)
# An import takes minutes. It must not take a thread of the API, nor the last one of the staff's.
STAFF: Final = Lane("staff", 2, 64)
OPERATIONS: Final = Lane("operations", 2, 16)
LANES: Final = (API, SEARCH, STAFF, OPERATIONS)

_MAX_BODY: Final = settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _api(
    name: str, max_fill: float, *, deadline: float, retry_after: int, max_body: int = _MAX_BODY
) -> RequestClass:
    """Return a class of the lane `api`. Its requests may spend half of their time in the queue."""
    return RequestClass(
        name=name,
        lane=API,
        max_fill=max_fill,
        wait=deadline / 2,
        run=deadline,
        total=deadline,
        retry_after=retry_after,
        max_body=max_body,
        body_seconds=settings.BODY_DEADLINE,
    )


EVENTS: Final = _api(
    "events", 0.25, deadline=settings.REQUEST_DEADLINE, retry_after=10, max_body=MAX_EVENTS_BYTES
)
FIRST_PAGE: Final = _api("first_page", 0.5, deadline=settings.PAGE_DEADLINE, retry_after=2)
OTHER: Final = _api("other", 0.75, deadline=settings.REQUEST_DEADLINE, retry_after=2)
NEXT_PAGE: Final = _api("next_page", 1.0, deadline=settings.PAGE_DEADLINE, retry_after=1)
# The app shows a failed search as one without results, and keeps that. So a search waits.
SEARCHES: Final = RequestClass(
    name="search",
    lane=SEARCH,
    max_fill=1.0,
    wait=settings.SEARCH_WAIT,
    run=settings.REQUEST_DEADLINE,
    total=settings.SEARCH_WAIT + settings.REQUEST_DEADLINE,
    retry_after=2,
    max_body=0,
    body_seconds=settings.BODY_DEADLINE,
)
STAFF_PAGES: Final = RequestClass(
    name="staff",
    lane=STAFF,
    max_fill=1.0,
    wait=30.0,
    run=settings.STAFF_DEADLINE,
    total=30.0 + settings.STAFF_DEADLINE,
    retry_after=2,
    max_body=settings.STAFF_BODY_MB * 1024 * 1024,
    body_seconds=settings.STAFF_DEADLINE,
)
MONITORING: Final = RequestClass(
    name="operations",
    lane=OPERATIONS,
    max_fill=1.0,
    wait=5.0,
    run=settings.STAFF_DEADLINE,
    total=5.0 + settings.STAFF_DEADLINE,
    retry_after=1,
    max_body=0,
    body_seconds=settings.BODY_DEADLINE,
    allows_only_reads=True,
)
CLASSES: Final = (EVENTS, FIRST_PAGE, OTHER, NEXT_PAGE, SEARCHES, STAFF_PAGES, MONITORING)


def classify(path: str, query: bytes) -> RequestClass:
    """Return the class of a request. Cost: less than a microsecond."""
    if path in _OPERATIONS_PATHS:
        return MONITORING
    if not path.startswith(settings.API_ROOT):
        return STAFF_PAGES
    rest = path[len(settings.API_ROOT) :]
    if rest == "feed":
        return NEXT_PAGE if _CURSOR.search(query) else FIRST_PAGE
    if rest == "search":
        return SEARCHES
    return EVENTS if rest.startswith("analytics/") else OTHER
