"""The shapes of events on the wire, for the schema: `analytics.validation` checks them."""

from typing import get_args

from rest_framework import serializers

from analytics.types import BATCH_EVENTS, EVENT_ID_LENGTH, KINDS
from analytics.validation import Code
from content.types import ITEM_ID_LENGTH


class EventBody(serializers.Serializer[None]):
    eventType = serializers.ChoiceField(choices=KINDS)
    itemId = serializers.CharField(max_length=ITEM_ID_LENGTH)
    timestamp = serializers.DateTimeField(
        help_text="UTC where no zone is given; ahead of the server's clock counts as now."
    )
    durationWatched = serializers.IntegerField(
        min_value=0, required=False, allow_null=True, help_text="Seconds."
    )
    metadata = serializers.DictField(
        required=False, allow_null=True, help_text="Is read by nobody and not kept."
    )
    eventId = serializers.CharField(
        max_length=EVENT_ID_LENGTH, required=False, allow_null=True, allow_blank=True
    )


class EventBatch(serializers.Serializer[None]):
    """Of more than 500 events the first 500 are taken; a body is 512 KB at most."""

    events = EventBody(many=True)
    session_id = serializers.CharField(required=False, allow_null=True)
    sessionId = serializers.CharField(required=False, allow_null=True)


class RejectedEvent(serializers.Serializer[None]):
    index = serializers.IntegerField(min_value=0)
    code = serializers.ChoiceField(choices=get_args(Code))


class EventReceipt(serializers.Serializer[None]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    timestamp = serializers.DateTimeField()
    accepted = serializers.IntegerField(min_value=0, max_value=BATCH_EVENTS)
    rejected = RejectedEvent(many=True)
