"""HTTP views of content. The logic is in `content.services`."""

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
    q = serializers.CharField(min_length=2, max_length=100, help_text="Words. The last one may be a prefix.")
    limit = serializers.IntegerField(min_value=1, max_value=50, default=20)
    type = serializers.ChoiceField(choices=MEDIA_TYPES, required=False)


class SearchView(APIView):
    throttle_scope = "search"

    @extend_schema(
        operation_id="search",
        summary="Find items by words",
        description="Published items, best match first. If nothing matches, items with a similar title.",
        parameters=[SearchQuery],
        responses=WireItem(many=True),
    )
    def get(self, request: Request) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        given = query.validated_data
        found = search.search_cards(given["q"], media_type=given.get("type"), limit=given["limit"])
        return Response([orjson.Fragment(card) for card in found])
