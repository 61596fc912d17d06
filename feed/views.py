"""GET /feed."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request

from core import deadlines
from feed.page import FeedQuery, PlanPagination
from feed.schema import FeedAnswer


class FeedViewSet(viewsets.ViewSet):
    """The viewer's feeds, paged by cursor."""

    pagination_class = PlanPagination
    throttle_scope = "feed"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """All of it has a page's deadline, asking who the viewer is and how often they came included."""
        with deadlines.request_deadline(settings.PAGE_DEADLINE):
            return super().dispatch(request, *args, **kwargs)

    # Singular: a `list` action is else described as a list of answers.
    @extend_schema(
        parameters=[FeedQuery],
        responses=forced_singular_serializer(FeedAnswer),  # type: ignore[no-untyped-call]
        operation_id="feed",
    )
    def list(self, request: Request) -> HttpResponse:
        """A page of the viewer's session, or of a new one.

        Without a cursor: the head of the session, the same for ten minutes; `refresh=true` starts
        another. With one: the slots that follow. `cursor` is null exactly when `hasMore` is false.
        """
        paginator = self.pagination_class()
        entries = paginator.paginate_queryset(None, request, view=self)
        return paginator.get_paginated_response(entries)
