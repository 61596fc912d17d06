"""HTTP views; the logic is in `services.ingest`."""

import json
import time
from collections.abc import Mapping
from typing import Any

import orjson
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.serializers import EventBatch, EventReceipt
from analytics.services import ingest
from analytics.types import MAX_BODY_BYTES, MAX_EVENTS_PER_REQUEST
from core.api_json import JSONParser
from core.auth.drf import get_viewer
from core.errors import ApiError
from core.times import to_datetime


class EventParser(JSONParser):
    """Parse JSON of at most 512 KB.

    A phone that cuts a text within a character sends a lone surrogate, which strict JSON parsers reject. Such a body is
    parsed by Python's parser: otherwise the phone would send the same batch again and again.
    """

    max_body_bytes = MAX_BODY_BYTES

    def loads(self, body: bytes) -> Any:
        try:
            return super().loads(body)
        except orjson.JSONDecodeError:
            try:
                return json.loads(body)
            except (ValueError, RecursionError) as error:
                raise ParseError("The body is not JSON.") from error


class EventsView(APIView):
    parser_classes = (EventParser,)
    throttle_scope = "events"

    @extend_schema(
        operation_id="send_events",
        summary="Say what the viewer did to items",
        description=(
            "The response is sent as soon as the events are stored; they are counted within seconds. The status is "
            "200 if the body is an object with a list `events`. `rejected` names the events that were not accepted, "
            "by index and code. Send events with the code `too_many` again in another request: they come after the "
            f"first {MAX_EVENTS_PER_REQUEST} and were not validated. Do not send events with other codes again. An "
            "event that is sent twice is counted once; `eventId` identifies it, or without one its item, type and "
            "timestamp."
        ),
        request=EventBatch,
        responses=EventReceipt,
    )
    def post(self, request: Request) -> Response:
        events = request.data.get("events") if isinstance(request.data, Mapping) else None
        if not isinstance(events, list):
            raise ApiError("invalid", "The body must be an object with a list `events`.")
        now = time.time()
        result = ingest.accept(get_viewer(request).uid, events, now=now)
        return Response(
            {
                "success": True,
                "message": f"Received {len(events)} events",
                "timestamp": to_datetime(now),
                "accepted": result.accepted,
                "rejected": result.rejected,
            }
        )
