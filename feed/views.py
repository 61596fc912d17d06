"""GET /feed."""

import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request

from core import deadlines
from feed.rendering import FeedQuery, parse_request, render_page
from feed.schema import FeedAnswer
from feed.services import pages


class FeedViewSet(viewsets.ViewSet):
    """The viewer's feeds, paged by cursor."""

    throttle_scope = "feed"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Apply the page deadline, also to authentication and throttling."""
        with deadlines.request_deadline(settings.PAGE_DEADLINE):
            return super().dispatch(request, *args, **kwargs)

    # Singular: a `list` action is otherwise described as returning a list of responses.
    @extend_schema(
        parameters=[FeedQuery],
        responses=forced_singular_serializer(FeedAnswer),
        operation_id="feed",
    )
    def list(self, request: Request) -> HttpResponse:
        """A page of the viewer's session, or of a new one.

        Without a cursor: the first page of the session, the same one for ten minutes; `refresh=true` starts
        another session. With a cursor: the items that follow. `cursor` is null exactly when `hasMore` is false.
        """
        started = time.perf_counter()
        page_request = parse_request(request, now=time.time())
        with deadlines.optional_budget(settings.PAGE_BUDGET):
            page = pages.get_page(page_request)
        return render_page(page, page_request, started=started)
