"""Analytics' HTTP shell."""

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
from analytics.types import BATCH_BYTES, BATCH_EVENTS
from core.api_json import JSONParser
from core.auth.drf import get_viewer
from core.errors import ApiError
from core.times import to_datetime


class EventParser(JSONParser):
    """JSON of at most 512 KB. Text that was cut within a character (a lone surrogate, which strict JSON refuses) is
    read all the same: one event's metadata must not send the whole batch round for ever."""

    limit = BATCH_BYTES

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
            "Answered as soon as the events are kept; they are counted within seconds. The answer is 200 whenever "
            "the body is an object with a list `events`: what is not taken is named in `rejected`, by its place and "
            f"a code. `too_many` are those after the first {BATCH_EVENTS}: they were not looked at and are to be sent "
            "in another request. All others cannot be taken and are not to be sent again. The same event sent twice "
            "(the same `eventId`, or without one the same item, type and timestamp) counts once."
        ),
        request=EventBatch,
        responses=EventReceipt,
    )
    def post(self, request: Request) -> Response:
        events = request.data.get("events") if isinstance(request.data, Mapping) else None
        if not isinstance(events, list):
            raise ApiError("invalid", "The body must be an object with a list `events`.")
        now = time.time()
        receipt = ingest.accept(get_viewer(request).uid, events, now=now)
        return Response(
            {
                "success": True,
                "message": f"Received {len(events)} events",
                "timestamp": to_datetime(now),
                "accepted": receipt.accepted,
                "rejected": receipt.rejected,
            }
        )
