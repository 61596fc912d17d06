"""Pages of a plan on the wire: a DRF pagination class whose pages are slices of a session's plan."""

import time
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request

from core import api_json
from core.auth.drf import get_viewer
from core.times import format_utc_iso
from feed import cursor as cursors
from feed.pipeline import FEEDS
from feed.services import feeds
from feed.services.feeds import Live, Page, Query


class FeedQuery(serializers.Serializer[None]):
    """The query string of a feed request."""

    feed_type = serializers.ChoiceField(
        choices=sorted(FEEDS), default="for_you", help_text="Wanted with a cursor, too."
    )
    limit = serializers.IntegerField(min_value=1, max_value=100, default=10)
    cursor = serializers.CharField(
        max_length=cursors.MAX_LENGTH,
        required=False,
        help_text="`meta.cursor` of the page before, as it is; good for a day.",
    )
    refresh = serializers.BooleanField(default=False)


_QUERY: Final = FeedQuery()  # one for all requests: each further one would copy its fields


class PlanPagination(BasePagination):
    """Cuts pages from plans. The clock is read here, at the edge."""

    page: Page
    query: Query
    began: float

    def paginate_queryset(  # type: ignore[override]  # pages are cut from a plan, not from rows
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Live]:
        """`queryset` is of no use to a plan; the entries are (position, item, card bytes, slot bytes)."""
        self.began = time.perf_counter()
        asked = _QUERY.run_validation(request.query_params)
        viewer, now = get_viewer(request).uid, time.time()
        sealed = asked.get("cursor")
        self.query = Query(
            viewer=viewer,
            feed=asked["feed_type"],
            limit=asked["limit"],
            now=now,
            deadline=time.monotonic() + settings.PAGE_BUDGET,
            cursor=cursors.unseal(sealed, viewer=viewer, feed=asked["feed_type"], now=now)
            if sealed
            else None,
            refresh=asked["refresh"],
        )
        self.page = feeds.page(self.query)
        return self.page.entries

    def get_paginated_response(self, data: list[Live]) -> HttpResponse:  # type: ignore[override]
        """Splice stored cards and slots together; only `meta` is serialised."""
        items = b",".join(entry.card[:-1] + b"," + entry.slot[1:] for entry in data)
        body = b'{"feed":[' + items + b'],"meta":' + orjson.dumps(self._meta(len(data))) + b"}"
        return HttpResponse(body, content_type=api_json.MEDIA_TYPE)

    def _meta(self, count: int) -> dict[str, Any]:
        page, query = self.page, self.query
        return {
            "feedType": query.feed,
            "page": page.number,
            "limit": query.limit,
            "itemCount": count,
            "hasMore": page.cursor is not None,
            "generatedAt": format_utc_iso(query.now),
            "latencyMs": int((time.perf_counter() - self.began) * 1000),
            "cursor": cursors.seal(page.cursor, viewer=query.viewer) if page.cursor else None,
            "session": page.session,
            "planRebuilt": page.rebuilt,
            "degraded": page.degraded,
        }
