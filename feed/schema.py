"""The feed's answer as OpenAPI shows it. Nothing is serialised with these: pages are spliced from stored bytes."""

from rest_framework import serializers

from content.types import CONTENT_TYPES, MEDIA_TYPES


class FeedItem(serializers.Serializer[None]):
    id = serializers.CharField()
    contentType = serializers.ChoiceField(choices=CONTENT_TYPES)  # noqa: N815
    source = serializers.CharField()  # type: ignore[assignment]
    title = serializers.CharField()
    tmdbId = serializers.IntegerField(allow_null=True)  # noqa: N815
    mediaType = serializers.ChoiceField(choices=MEDIA_TYPES, allow_null=True)  # noqa: N815
    overview = serializers.CharField(allow_null=True)
    posterPath = serializers.CharField(allow_null=True)  # noqa: N815
    backdropPath = serializers.CharField(allow_null=True)  # noqa: N815
    youtubeKey = serializers.CharField(allow_null=True)  # noqa: N815
    videoName = serializers.CharField(allow_null=True)  # noqa: N815
    videoType = serializers.CharField(allow_null=True)  # noqa: N815
    thumbnailUrl = serializers.CharField(allow_null=True)  # noqa: N815
    imageUrl = serializers.CharField(allow_null=True)  # noqa: N815
    releaseDate = serializers.DateField(allow_null=True)  # noqa: N815
    channelTitle = serializers.CharField(allow_null=True)  # noqa: N815
    description = serializers.CharField(allow_null=True)
    genres = serializers.ListField(child=serializers.CharField())
    voteAverage = serializers.FloatField(allow_null=True)  # noqa: N815
    popularity = serializers.FloatField()
    likeCount = serializers.IntegerField(allow_null=True)  # noqa: N815
    viewCount = serializers.IntegerField(allow_null=True)  # noqa: N815
    shareCount = serializers.IntegerField(allow_null=True)  # noqa: N815
    reason = serializers.CharField()
    score = serializers.FloatField()


class FeedMeta(serializers.Serializer[None]):
    feedType = serializers.CharField()  # noqa: N815
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    itemCount = serializers.IntegerField()  # noqa: N815
    hasMore = serializers.BooleanField()  # noqa: N815
    generatedAt = serializers.DateTimeField()  # noqa: N815
    latencyMs = serializers.IntegerField()  # noqa: N815
    cursor = serializers.CharField(allow_null=True)
    session = serializers.CharField()
    planRebuilt = serializers.BooleanField()  # noqa: N815
    degraded = serializers.ListField(child=serializers.CharField())


class FeedAnswer(serializers.Serializer[None]):
    feed = FeedItem(many=True)
    meta = FeedMeta()
