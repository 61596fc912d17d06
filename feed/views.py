"""GET /feed."""

from django.http import HttpResponse
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request

from feed.page import FeedQuery, PlanPagination
from feed.schema import FeedAnswer


class FeedViewSet(viewsets.ViewSet):
    """The viewer's feeds, paged by cursor."""

    pagination_class = PlanPagination
    throttle_scope = "feed"

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
