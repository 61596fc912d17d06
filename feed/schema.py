"""The feed's answer as OpenAPI shows it. Nothing is serialised with these: pages are spliced from stored bytes."""

from rest_framework import serializers

from content.types import CONTENT_TYPES, MEDIA_TYPES


class FeedItem(serializers.Serializer[None]):
    id = serializers.CharField()
    contentType = serializers.ChoiceField(choices=CONTENT_TYPES)
    source = serializers.CharField()  # type: ignore[assignment]
    title = serializers.CharField()
    tmdbId = serializers.IntegerField(allow_null=True)
    mediaType = serializers.ChoiceField(choices=MEDIA_TYPES, allow_null=True)
    overview = serializers.CharField(allow_null=True)
    posterPath = serializers.CharField(allow_null=True)
    backdropPath = serializers.CharField(allow_null=True)
    youtubeKey = serializers.CharField(allow_null=True)
    videoName = serializers.CharField(allow_null=True)
    videoType = serializers.CharField(allow_null=True)
    thumbnailUrl = serializers.CharField(allow_null=True)
    imageUrl = serializers.CharField(allow_null=True)
    releaseDate = serializers.DateField(allow_null=True)
    channelTitle = serializers.CharField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    genres = serializers.ListField(child=serializers.CharField())
    voteAverage = serializers.FloatField(allow_null=True)
    popularity = serializers.FloatField()
    likeCount = serializers.IntegerField(allow_null=True)
    viewCount = serializers.IntegerField(allow_null=True)
    shareCount = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField()
    score = serializers.FloatField()


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
