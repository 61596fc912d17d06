"""Pages over HTTP: the query string of a request, and the JSON of a response."""

import time
from typing import Any, Final

import orjson
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from core import api_json
from core.auth.drf import get_viewer
from core.times import format_utc_iso
from feed import cursor as cursors
from feed.feed_types import FEED_TYPES
from feed.services.pages import Page
from feed.services.sessions import PageRequest


class FeedQuery(serializers.Serializer[None]):
    """The query string of a feed request."""

    feed_type = serializers.ChoiceField(
        choices=sorted(FEED_TYPES), default="for_you", help_text="Also required with a cursor."
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, default=10)
    cursor = serializers.CharField(
        max_length=cursors.MAX_CURSOR_LENGTH,
        required=False,
        help_text="`meta.cursor` of the previous page, unchanged. Valid for a day.",
    )
    refresh = serializers.BooleanField(default=False)


_QUERY: Final = FeedQuery()  # one for all requests, because each instance copies its fields


def parse_request(request: Request, *, now: float) -> PageRequest:
    """Return the request for a page. Raises ValidationError for a bad query and ApiError for a bad cursor."""
    query = _QUERY.run_validation(request.query_params)
    viewer, feed, signed = get_viewer(request).uid, query["feed_type"], query.get("cursor")
    return PageRequest(
        viewer=viewer,
        feed=feed,
        limit=query["limit"],
        now=now,
        cursor=cursors.verify(signed, viewer=viewer, feed=feed, now=now) if signed else None,
        refresh=query["refresh"],
    )


def render_page(page: Page, request: PageRequest, *, started: float) -> HttpResponse:
    """Return the response: the stored JSON of cards and slots is joined, only `meta` is serialised.

    `started` is the time.perf_counter() of the request's start.
    """
    items = b",".join(slot.card[:-1] + b"," + slot.slot[1:] for slot in page.slots)
    meta = orjson.dumps(_make_meta(page, request, started))
    return HttpResponse(b'{"feed":[' + items + b'],"meta":' + meta + b"}", content_type=api_json.MEDIA_TYPE)


def _make_meta(page: Page, request: PageRequest, started: float) -> dict[str, Any]:
    return {
        "feedType": request.feed,
        "page": page.number,
        "limit": request.limit,
        "itemCount": len(page.slots),
        "hasMore": page.cursor is not None,
        "generatedAt": format_utc_iso(request.now),
        "latencyMs": int((time.perf_counter() - started) * 1000),
        "cursor": cursors.sign(page.cursor, viewer=request.viewer) if page.cursor else None,
        "session": page.session,
        "planRebuilt": page.plan_rebuilt,
        "degraded": page.degraded,
    }
