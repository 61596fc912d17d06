"""Serializers that describe events in the OpenAPI schema. `analytics.validation` validates requests."""

from collections.abc import Mapping
from typing import Final, get_args

from rest_framework import serializers

from analytics.types import (
    EVENT_KINDS,
    MAX_EVENT_AGE_SECONDS,
    MAX_EVENT_ID_LENGTH,
    MAX_EVENTS_PER_REQUEST,
    MAX_WATCHED_SECONDS,
)
from analytics.validation import MAX_TIMESTAMP_LENGTH, Code
from content.types import ITEM_ID_LENGTH
from core.units import DAY

_MAX_AGE_DAYS: Final = MAX_EVENT_AGE_SECONDS // DAY

CODE_DESCRIPTIONS: Final[Mapping[Code, str]] = {
    "not_an_object": "the event is not a JSON object",
    "invalid_event_type": f"`eventType` is not one of {', '.join(EVENT_KINDS)}",
    "invalid_item_id": f"`itemId` is not a string of 1 to {ITEM_ID_LENGTH} characters without whitespace",
    "invalid_timestamp": (
        f"`timestamp` is not an ISO 8601 string of at most {MAX_TIMESTAMP_LENGTH} characters"
    ),
    "too_old": f"`timestamp` is {_MAX_AGE_DAYS} days ago or earlier",
    "invalid_duration": "`durationWatched` is not a number of at least 0",
    "invalid_metadata": "`metadata` is not an object",
    "invalid_event_id": f"`eventId` is not a string of at most {MAX_EVENT_ID_LENGTH} characters",
    "too_many": (
        f"the event comes after the first {MAX_EVENTS_PER_REQUEST} and was not validated; "
        "send it in another request"
    ),
}


class EventBody(serializers.Serializer[None]):
    eventType = serializers.ChoiceField(choices=EVENT_KINDS)
    itemId = serializers.CharField(
        max_length=ITEM_ID_LENGTH, help_text=f"1 to {ITEM_ID_LENGTH} characters without whitespace."
    )
    timestamp = serializers.DateTimeField(
        help_text="The time at which the event happened. A time without a zone is UTC. A time ahead of the server's "
        f"clock is taken as now; a time {_MAX_AGE_DAYS} days ago or earlier is rejected."
    )
    durationWatched = serializers.FloatField(
        min_value=0,
        required=False,
        allow_null=True,
        help_text="Seconds. Fractions are cut off; more than a day "
        f"({MAX_WATCHED_SECONDS:,} seconds) is taken as a day.",
    )
    metadata = serializers.DictField(required=False, allow_null=True, help_text="Ignored and not stored.")
    eventId = serializers.CharField(
        max_length=MAX_EVENT_ID_LENGTH,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The same in every attempt to send this event. Without it, `itemId`, `eventType` and `timestamp` "
        "identify the event.",
    )


class EventBatch(serializers.Serializer[None]):
    """A request of up to 512 KB. If it has more than 500 events, the first 500 are accepted."""

    events = EventBody(many=True)
    session_id = serializers.JSONField(required=False, help_text="Ignored; any value is accepted.")
    sessionId = serializers.JSONField(required=False, help_text="Ignored; any value is accepted.")


class RejectedEvent(serializers.Serializer[None]):
    index = serializers.IntegerField(min_value=0, help_text="The event's index in `events`, from 0.")
    code = serializers.ChoiceField(
        choices=get_args(Code),
        help_text="; ".join(f"`{code}`: {text}" for code, text in CODE_DESCRIPTIONS.items()) + ".",
    )


class EventReceipt(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    accepted = serializers.IntegerField(min_value=0, max_value=MAX_EVENTS_PER_REQUEST)
    rejected = RejectedEvent(many=True)
