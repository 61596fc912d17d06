"""The shapes of events on the wire, for the schema: `analytics.validation` checks them."""

from collections.abc import Mapping
from typing import Final, get_args

from rest_framework import serializers

from analytics.types import BATCH_EVENTS, EVENT_ID_LENGTH, KINDS, TOO_OLD, WATCHED_MOST
from analytics.validation import TIMESTAMP_LENGTH, Code
from content.types import ITEM_ID_LENGTH
from core.units import DAY

MEANINGS: Final[Mapping[Code, str]] = {
    "not_an_object": "the event is not a JSON object",
    "invalid_event_type": f"`eventType` is none of {', '.join(KINDS)}",
    "invalid_item_id": f"`itemId` is not a text of 1 to {ITEM_ID_LENGTH} characters without blanks",
    "invalid_timestamp": f"`timestamp` is not an ISO 8601 text of at most {TIMESTAMP_LENGTH} characters",
    "too_old": f"`timestamp` is {TOO_OLD // DAY} days ago or more",
    "invalid_duration": "`durationWatched` is not a number of 0 or more",
    "invalid_metadata": "`metadata` is not an object",
    "invalid_event_id": f"`eventId` is not a text of at most {EVENT_ID_LENGTH} characters",
    "too_many": f"it came after the first {BATCH_EVENTS} and was not looked at: send it in another request",
}


class EventBody(serializers.Serializer[None]):
    eventType = serializers.ChoiceField(choices=KINDS)
    itemId = serializers.CharField(
        max_length=ITEM_ID_LENGTH, help_text=f"1 to {ITEM_ID_LENGTH} characters without blanks."
    )
    timestamp = serializers.DateTimeField(
        help_text="When it happened. UTC where no zone is given; ahead of the server's clock counts as now; "
        f"{TOO_OLD // DAY} days ago or more is refused."
    )
    durationWatched = serializers.FloatField(
        min_value=0,
        required=False,
        allow_null=True,
        help_text=f"Seconds; fractions are cut off, more than a day ({WATCHED_MOST:,}) counts as a day.",
    )
    metadata = serializers.DictField(
        required=False, allow_null=True, help_text="Is read by nobody and not kept."
    )
    eventId = serializers.CharField(
        max_length=EVENT_ID_LENGTH,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The same in every attempt to send this event. Without one, item, type and timestamp tell it.",
    )


class EventBatch(serializers.Serializer[None]):
    """Of more than 500 events the first 500 are taken; a body is 512 KB at most."""

    events = EventBody(many=True)
    session_id = serializers.JSONField(required=False, help_text="Is not read, whatever it is.")
    sessionId = serializers.JSONField(required=False, help_text="Is not read, whatever it is.")


class RejectedEvent(serializers.Serializer[None]):
    index = serializers.IntegerField(min_value=0, help_text="Its place in `events`, the first being 0.")
    code = serializers.ChoiceField(
        choices=get_args(Code),
        help_text="; ".join(f"`{code}`: {why}" for code, why in MEANINGS.items()) + ".",
    )


class EventReceipt(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    accepted = serializers.IntegerField(min_value=0, max_value=BATCH_EVENTS)
    rejected = RejectedEvent(many=True)
