"""The shapes of what the phone says of its person."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from activity.types import SOURCES, STATUSES, UID_LENGTH, UID_PATTERN, is_uid
from content.types import MEDIA_TYPES

MAX_CHOSEN = 100
MAX_INT = 2**31 - 1


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "maxLength": 64}]})
class GenreRef(serializers.Field):  # type: ignore[type-arg]
    """A TMDB genre id or a genre's name."""

    def to_internal_value(self, data: Any) -> str | int:
        if isinstance(data, int) and not isinstance(data, bool) and 0 <= data <= MAX_INT:
            return data
        if isinstance(data, str) and 0 < len(data.strip()) <= 64 and "\x00" not in data:
            return data.strip()
        raise serializers.ValidationError("A genre is a TMDB id or a name of 1 to 64 characters.")

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(OpenApiTypes.ANY)
class TmdbRef(serializers.Field):  # type: ignore[type-arg]
    """TMDB's number of a title; some builds send it as a string."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data) if isinstance(data, int | str) and not isinstance(data, bool) else ""
        if text.isascii() and text.isdigit() and 0 < int(text[:11]) <= MAX_INT:
            return int(text)
        raise serializers.ValidationError("A TMDB id is a whole number above 0.")

    def to_representation(self, value: Any) -> Any:
        return value


UID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": UID_LENGTH, "pattern": UID_PATTERN}
NO_UID = "A uid is 1 to 128 letters, digits and signs of ASCII, without slashes, braces or blanks."
PATH_UID = OpenApiParameter("uid", UID_SCHEMA, OpenApiParameter.PATH)


@extend_schema_field(UID_SCHEMA)
class UidField(serializers.Field):  # type: ignore[type-arg]
    """Somebody's uid, as their token's `sub` writes it."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and is_uid(data):
            return data
        raise serializers.ValidationError(NO_UID)

    def to_representation(self, value: Any) -> Any:
        return value


class Choice(serializers.ChoiceField):
    """DRF's, without a repetition of what was sent, however long."""

    default_error_messages: ClassVar = {"invalid_choice": "This is not a valid choice."}


class ProviderSerializer(serializers.Serializer[None]):
    providerId = serializers.IntegerField(min_value=0, max_value=MAX_INT)
    providerName = serializers.CharField(max_length=200, allow_blank=True)


class ChosenTitleSerializer(serializers.Serializer[None]):
    id = TmdbRef()
    title = serializers.CharField(max_length=300, allow_blank=True)


class PreferencesSerializer(serializers.Serializer[None]):
    """Every key is optional; an absent one leaves what is stored."""

    selectedGenres = serializers.ListField(child=GenreRef(), max_length=MAX_CHOSEN, required=False)
    selectedGenreIds = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_INT), max_length=MAX_CHOSEN, required=False
    )
    streamingProviders = serializers.ListField(
        child=ProviderSerializer(), max_length=MAX_CHOSEN, required=False
    )
    selectedMovies = serializers.ListField(
        child=ChosenTitleSerializer(), max_length=MAX_CHOSEN, required=False
    )
    selectedShows = serializers.ListField(
        child=ChosenTitleSerializer(), max_length=MAX_CHOSEN, required=False
    )


class PreferencesAnswer(serializers.Serializer[None]):
    status = serializers.CharField()
    uid = serializers.CharField()
    unknownGenres = serializers.ListField(child=serializers.CharField())


class BlockSerializer(serializers.Serializer[None]):
    target_uid = UidField()
    action = Choice(choices=["block", "unblock"])


class BlockAnswer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    action = serializers.CharField()
    target_uid = serializers.CharField()


class Flag(serializers.BooleanField):
    """A boolean that takes null for null, not also the empty string."""

    NULL_VALUES = {None}


class RelationSerializer(serializers.Serializer[None]):
    """A person's whole relation to a title: an absent key is null or false."""

    title_id = TmdbRef()
    media_type = Choice(choices=MEDIA_TYPES)
    title = serializers.CharField(max_length=300, required=False, allow_blank=True, allow_null=True)
    poster_path = serializers.CharField(max_length=300, required=False, allow_blank=True, allow_null=True)
    status = Choice(choices=STATUSES, required=False, allow_null=True, default=None)
    is_favorite = Flag(default=False, allow_null=True)
    rating = serializers.IntegerField(min_value=1, max_value=5, required=False, allow_null=True, default=None)
    source = Choice(  # type: ignore[assignment]
        choices=SOURCES, required=False, allow_null=True, default=None
    )


class RelationAnswer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    user_id = serializers.CharField()
    title_id = serializers.CharField()
    status = serializers.CharField(allow_null=True)
    is_favorite = serializers.BooleanField()
    message = serializers.CharField()


class FollowSerializer(serializers.Serializer[None]):
    target_uid = UidField()
    action = Choice(choices=["follow", "unfollow"])


class FollowAnswer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    action = serializers.CharField()
    follower_uid = serializers.CharField()
    target_uid = serializers.CharField()
    message = serializers.CharField()


class EdgeQuery(serializers.Serializer[None]):
    limit = serializers.IntegerField(min_value=1, max_value=100, default=50)
    offset = serializers.IntegerField(min_value=0, max_value=10_000, default=0)


class EdgeAnswer(serializers.Serializer[None]):
    uid = serializers.CharField()
    created_at = serializers.DateTimeField()


class FollowersAnswer(serializers.Serializer[None]):
    user_id = serializers.CharField()
    count = serializers.IntegerField()
    followers = EdgeAnswer(many=True)


class FollowingAnswer(serializers.Serializer[None]):
    user_id = serializers.CharField()
    count = serializers.IntegerField()
    following = EdgeAnswer(many=True)


class StatsAnswer(serializers.Serializer[None]):
    user_id = serializers.CharField()
    followers_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    updated_at = serializers.DateTimeField()


class MutualsAnswer(serializers.Serializer[None]):
    user_id = serializers.CharField()
    count = serializers.IntegerField()
    mutual_ids = serializers.ListField(child=serializers.CharField())
