"""The feed's answer as OpenAPI shows it. Nothing is serialised with these: pages are spliced from stored bytes."""

from rest_framework import serializers

from content.services.schema import WireItem


class Friend(serializers.Serializer[None]):
    uid = serializers.CharField()
    username = serializers.CharField(allow_null=True)
    avatarUrl = serializers.CharField(allow_null=True)


class FeedItem(WireItem):
    """An item, and in the following feed what was done to its title."""

    reason = serializers.CharField(help_text="One short line shown under the item.")
    score = serializers.FloatField()
    type = serializers.CharField(
        required=False, help_text="social_activity; this and what follows: following only."
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
