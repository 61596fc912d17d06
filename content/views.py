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
    q = serializers.CharField(
        min_length=2, max_length=search.MAX_TEXT_LENGTH, help_text="Words. The last one may be a prefix."
    )
    limit = serializers.IntegerField(min_value=1, max_value=50, default=20)
    type = serializers.ChoiceField(choices=MEDIA_TYPES, required=False)
    all = serializers.BooleanField(
        default=False, help_text="All items, also several of one title and those without a TMDB id."
    )


class SearchView(APIView):
    throttle_scope = "search"

    @extend_schema(
        operation_id="search",
        summary="Find items by words",
        description=(
            "Published titles with a TMDB id, one item each, best match first. A text that is the name of a genre also "
            "finds its most popular titles. If nothing matches, titles with a similar name."
        ),
        parameters=[SearchQuery],
        responses=WireItem(many=True),
    )
    def get(self, request: Request) -> Response:
        query = SearchQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        given = query.validated_data
        found = search.search_cards(
            given["q"],
            media_type=given.get("type"),
            limit=given["limit"],
            scope="items" if given["all"] else "titles",
        )
        return Response([orjson.Fragment(card) for card in found])
