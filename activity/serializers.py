"""Request and response bodies of activity. The class names are OpenAPI component names."""

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers

from activity.types import MAX_LIST_OFFSET, MAX_UID_LENGTH, ORIGINS, STATUSES, UID_PATTERN, is_followable_uid
from content.types import MEDIA_TYPES

MAX_SELECTED = 100
MAX_INT = 2**31 - 1


@extend_schema_field({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "maxLength": 64}]})
class GenreRef(serializers.Field[str | int, Any, Any, Any]):
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
class TmdbRef(serializers.Field[int, Any, Any, Any]):
    """TMDB's id of a title. Some versions of the app send it as a string."""

    def to_internal_value(self, data: Any) -> int:
        text = str(data) if isinstance(data, int | str) and not isinstance(data, bool) else ""
        if text.isascii() and text.isdigit() and 0 < int(text[:11]) <= MAX_INT:
            return int(text)
        raise serializers.ValidationError("A TMDB id is a whole number above 0.")

    def to_representation(self, value: Any) -> Any:
        return value


UID_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_UID_LENGTH, "pattern": UID_PATTERN}
INVALID_UID_MESSAGE = "A uid is 1 to 128 printable ASCII characters, without slashes, braces or spaces."
PATH_UID = OpenApiParameter("uid", UID_SCHEMA, OpenApiParameter.PATH)


@extend_schema_field(UID_SCHEMA)
class UidField(serializers.Field[str, Any, Any, Any]):
    """The uid of a person: the `sub` of their ID token."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and is_followable_uid(data):
            return data
        raise serializers.ValidationError(INVALID_UID_MESSAGE)

    def to_representation(self, value: Any) -> Any:
        return value


class Choice(serializers.ChoiceField):
    """A choice whose error message does not repeat the value, which may be long."""

    default_error_messages: ClassVar = {"invalid_choice": "This is not a valid choice."}


class ProviderSerializer(serializers.Serializer[None]):
    providerId = serializers.IntegerField(min_value=0, max_value=MAX_INT)
    providerName = serializers.CharField(max_length=200, allow_blank=True)


class ChosenTitleSerializer(serializers.Serializer[None]):
    id = TmdbRef()
    title = serializers.CharField(max_length=300, allow_blank=True)


class PreferencesSerializer(serializers.Serializer[None]):
    """All keys are optional. An absent key leaves the stored value unchanged."""

    selectedGenres = serializers.ListField(child=GenreRef(), max_length=MAX_SELECTED, required=False)
    selectedGenreIds = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_INT),
        max_length=MAX_SELECTED,
        required=False,
    )
    streamingProviders = serializers.ListField(
        child=ProviderSerializer(), max_length=MAX_SELECTED, required=False
    )
    selectedMovies = serializers.ListField(
        child=ChosenTitleSerializer(), max_length=MAX_SELECTED, required=False
    )
    selectedShows = serializers.ListField(
        child=ChosenTitleSerializer(), max_length=MAX_SELECTED, required=False
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
    """A boolean for which only null is null, not also the empty string."""

    NULL_VALUES = {None}


class RelationSerializer(serializers.Serializer[None]):
    """A person's whole relation to a title. An absent key means null or false."""

    title_id = TmdbRef()
    media_type = Choice(choices=MEDIA_TYPES)
    title = serializers.CharField(max_length=300, required=False, allow_blank=True, allow_null=True)
    poster_path = serializers.CharField(max_length=300, required=False, allow_blank=True, allow_null=True)
    status = Choice(choices=STATUSES, required=False, allow_null=True, default=None)
    is_favorite = Flag(default=False, allow_null=True)
    rating = serializers.IntegerField(min_value=1, max_value=5, required=False, allow_null=True, default=None)
    source = Choice(  # type: ignore[assignment]
        choices=ORIGINS, required=False, allow_null=True, default=None
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
    offset = serializers.IntegerField(
        min_value=0, default=0, help_text=f"Nothing is listed beyond {MAX_LIST_OFFSET:,}."
    )


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
