"""The response of GET /feed as OpenAPI shows it. It only documents: pages are joined from stored JSON."""

from rest_framework import serializers

from content.services.schema import WireItem


class Friend(serializers.Serializer[None]):
    uid = serializers.CharField()
    username = serializers.CharField(allow_null=True)
    avatarUrl = serializers.CharField(allow_null=True)


class FeedItem(WireItem):
    """An item; in the following feed also the activities on its title."""

    reason = serializers.CharField(help_text="A short line to show under the item.")
    score = serializers.FloatField()
    type = serializers.CharField(
        required=False,
        help_text="social_activity. This field and those below are in the following feed only.",
    )
    status = serializers.CharField(required=False, help_text="watching, watchlist, finished, liked or rated.")
    rating = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=5)
    isFavorite = serializers.BooleanField(required=False)
    timestamp = serializers.DateTimeField(required=False)
    friend = Friend(required=False)
    friends = Friend(many=True, required=False, help_text="The newest supporters, 20 at most.")


class FeedMeta(serializers.Serializer[None]):
    feedType = serializers.CharField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    itemCount = serializers.IntegerField()
    hasMore = serializers.BooleanField()
    generatedAt = serializers.DateTimeField()
    latencyMs = serializers.IntegerField()
    cursor = serializers.CharField(allow_null=True)
    session = serializers.CharField()
    planRebuilt = serializers.BooleanField()
    degraded = serializers.ListField(child=serializers.CharField())


class FeedAnswer(serializers.Serializer[None]):
    feed = FeedItem(many=True)
    meta = FeedMeta()
