"""What the phone says of its person: preferences and blocks."""

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from activity.serializers import BlockAnswer, BlockSerializer, PreferencesAnswer, PreferencesSerializer
from activity.services import blocks, preferences
from finishd.auth.drf import viewer_of


class PeopleViewSet(viewsets.ViewSet):
    """Thin shells: validate, call a service, answer in the wire's words."""

    @extend_schema(
        request=PreferencesSerializer, responses=PreferencesAnswer, operation_id="preferences_sync"
    )
    @action(detail=False, methods=["post"])
    def preferences(self, request: Request) -> Response:
        """Keep what the viewer chose. Picking other genres starts a new session of the feed."""
        body = PreferencesSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        names = [name for key in ("selectedGenres", "selectedGenreIds") for name in given.get(key, ())]
        stated = "selectedGenres" in given or "selectedGenreIds" in given
        viewer = viewer_of(request)
        _, unknown = preferences.sync(
            viewer.uid,
            genre_names=names if stated else None,
            providers=given.get("streamingProviders"),
            movies=given.get("selectedMovies"),
            shows=given.get("selectedShows"),
            name=viewer.name,
        )
        return Response({"status": "synced", "uid": viewer.uid, "unknownGenres": unknown})

    @extend_schema(request=BlockSerializer, responses=BlockAnswer, operation_id="social_block")
    @action(detail=False, methods=["post"])
    def block(self, request: Request) -> Response:
        """Block or unblock somebody: neither appears in the other's plans. Starts a new session of the feed."""
        body = BlockSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        target, verb = body.validated_data["target_uid"], body.validated_data["action"]
        act = blocks.block if verb == "block" else blocks.unblock
        try:
            act(viewer_of(request).uid, target)
        except ValueError as reason:
            raise ValidationError({"target_uid": [str(reason)]}) from reason
        return Response({"success": True, "action": verb, "target_uid": target})
