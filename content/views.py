"""Content's HTTP shell."""

from typing import Any

import orjson
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from content.services import search
from content.services.schema import WireItem
from content.types import MEDIA_TYPES


class SearchQuery(serializers.Serializer[Any]):
    q = serializers.CharField(min_length=2, max_length=100, help_text="Words; the last may be unfinished.")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=20)
    type = serializers.ChoiceField(choices=MEDIA_TYPES, required=False)


class SearchView(APIView):
    throttle_scope = "search"

    @extend_schema(
        operation_id="search",
        summary="Find items by words",
        description="Published items, best match first. Misspelt titles are found when nothing else is.",
        parameters=[SearchQuery],
        responses=WireItem(many=True),
    )
    def get(self, request: Request) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        found = search.search_cards(wanted["q"], media_type=wanted.get("type"), limit=wanted["limit"])
        return Response([orjson.Fragment(item) for item in found])
