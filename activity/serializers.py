"""The shapes of what the phone says of its person."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from activity.types import UID_LENGTH

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
    target_uid = serializers.CharField(max_length=UID_LENGTH)
    action = serializers.ChoiceField(choices=["block", "unblock"])


class BlockAnswer(serializers.Serializer[None]):
    success = serializers.BooleanField()
    action = serializers.CharField()
    target_uid = serializers.CharField()
