"""An item in the OpenAPI schema. It serializes nothing: cards are stored as JSON bytes."""

from typing import Any

from rest_framework import serializers

from content.types import CONTENT_TYPES, MEDIA_TYPES


def _text_field(**options: Any) -> serializers.CharField:
    return serializers.CharField(required=False, allow_null=True, **options)


def _count_field() -> serializers.IntegerField:
    return serializers.IntegerField(required=False, allow_null=True, min_value=0)


class WireItem(serializers.Serializer[Any]):
    """An item as the phone reads it. Optional values may be null or absent."""

    id = serializers.CharField(help_text="Stable id of the item. It is not the TMDB id.")
    contentType = serializers.ChoiceField(choices=CONTENT_TYPES)
    source = serializers.CharField(help_text="Source of the item, for example trending, friends or search.")  # type: ignore[assignment]
    title = serializers.CharField()
    tmdbId = _count_field()
    mediaType = serializers.ChoiceField(choices=MEDIA_TYPES, required=False, allow_null=True)
    overview = _text_field()
    posterPath = _text_field(help_text="A TMDB path. It begins with a slash.")
    backdropPath = _text_field(help_text="A TMDB path. It begins with a slash.")
    youtubeKey = _text_field()
    videoName = _text_field()
    videoType = _text_field()
    thumbnailUrl = _text_field()
    imageUrl = _text_field()
    releaseDate = serializers.DateField(required=False, allow_null=True)
    channelTitle = _text_field()
    description = _text_field()
    feedType = _text_field()
    reason = _text_field(help_text="A short line to show below the item.")
    voteAverage = serializers.FloatField(required=False, allow_null=True)
    popularity = serializers.FloatField(required=False, allow_null=True)
    score = serializers.FloatField(required=False, allow_null=True)
    genres = serializers.ListField(child=serializers.CharField())
    likeCount = _count_field()
    viewCount = _count_field()
    shareCount = _count_field()
