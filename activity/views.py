"""HTTP views of preferences, relations, follows and blocks. The logic is in `services`.

The acting person is always the uid of the ID token. Paths and bodies name other people only.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from activity import serializers
from activity.services import follows, people, preferences, relations
from activity.types import FollowEdge, Relation, is_followable_uid
from content.types import title_key
from core.auth.drf import get_viewer
from core.times import format_utc_iso


def validate(serializer: type[Serializer[None]], data: object) -> dict[str, Any]:
    """Return the validated body or query. Raises ValidationError."""
    given = serializer(data=data)
    given.is_valid(raise_exception=True)
    return cast("dict[str, Any]", given.validated_data)


class MeViewSet(viewsets.ViewSet):
    """Preferences and relations of the viewer."""

    @extend_schema(
        request=serializers.PreferencesSerializer,
        responses=serializers.PreferencesAnswer,
        operation_id="preferences_sync",
    )
    @action(detail=False, methods=["post"])
    def preferences(self, request: Request) -> Response:
        """Store the viewer's preferences. Other genres start a new session of the feed."""
        given = validate(serializers.PreferencesSerializer, request.data)
        names = [name for key in ("selectedGenres", "selectedGenreIds") for name in given.get(key, ())]
        has_genres = "selectedGenres" in given or "selectedGenreIds" in given
        viewer = get_viewer(request)
        people.sync_name_from_token(viewer.uid, viewer.name, viewer.picture)
        _, unknown = preferences.sync(
            viewer.uid,
            genre_names=names if has_genres else None,
            providers=given.get("streamingProviders"),
            movies=given.get("selectedMovies"),
            shows=given.get("selectedShows"),
        )
        return Response({"status": "synced", "uid": viewer.uid, "unknownGenres": unknown})

    @extend_schema(
        request=serializers.RelationSerializer,
        responses=serializers.RelationAnswer,
        operation_id="user_titles_sync",
    )
    @action(detail=False, methods=["post"])
    def titles(self, request: Request) -> Response:
        """Set the viewer's whole relation to a title. A change is delivered to their followers."""
        given = validate(serializers.RelationSerializer, request.data)
        viewer = get_viewer(request)
        people.sync_name_from_token(viewer.uid, viewer.name, viewer.picture)
        relation = Relation(given["status"], bool(given["is_favorite"]), given["rating"])
        key = title_key("", given["media_type"], given["title_id"])
        recorded = relations.set_relation(viewer.uid, key, relation, source=given["source"], now=time.time())
        return Response(
            {
                "success": True,
                "user_id": viewer.uid,
                "title_id": str(given["title_id"]),
                "status": relation.status,
                "is_favorite": relation.favorite,
                "message": "Saved" if recorded.changed else "Nothing changed",
            }
        )


class SocialViewSet(viewsets.ViewSet):
    """Follows and blocks."""

    @extend_schema(
        request=serializers.FollowSerializer, responses=serializers.FollowAnswer, operation_id="social_follow"
    )
    @action(detail=False, methods=["post"])
    def follow(self, request: Request) -> Response:
        """Follow or unfollow a person. Idempotent."""
        given = validate(serializers.FollowSerializer, request.data)
        viewer, target = get_viewer(request), given["target_uid"]
        people.sync_name_from_token(viewer.uid, viewer.name, viewer.picture)
        act = follows.follow if given["action"] == "follow" else follows.unfollow
        try:
            changed = act(viewer.uid, target, now=time.time())
        except ValueError as reason:
            raise ValidationError({"target_uid": [str(reason)]}) from reason
        return Response(
            {
                "success": True,
                "action": given["action"],
                "follower_uid": viewer.uid,
                "target_uid": target,
                "message": "Done" if changed else "Nothing changed",
            }
        )

    @extend_schema(
        request=serializers.BlockSerializer, responses=serializers.BlockAnswer, operation_id="social_block"
    )
    @action(detail=False, methods=["post"])
    def block(self, request: Request) -> Response:
        """Block or unblock a person. A block ends follows and hides each from the other. Idempotent."""
        given = validate(serializers.BlockSerializer, request.data)
        act = follows.block if given["action"] == "block" else follows.unblock
        try:
            act(get_viewer(request).uid, given["target_uid"], now=time.time())
        except ValueError as reason:
            raise ValidationError({"target_uid": [str(reason)]}) from reason
        return Response({"success": True, **given})

    @extend_schema(
        parameters=[serializers.PATH_UID, serializers.EdgeQuery],
        responses=serializers.FollowersAnswer,
        operation_id="social_followers",
    )
    @action(detail=True, methods=["get"])
    def followers(self, request: Request, uid: str) -> Response:
        """List a person's followers, newest first."""
        given = validate(serializers.EdgeQuery, request.query_params)
        edges = follows.get_followers(check_uid(uid), **given)
        return Response({"user_id": uid, "count": len(edges), "followers": serialize_edges(edges)})

    @extend_schema(
        parameters=[serializers.PATH_UID, serializers.EdgeQuery],
        responses=serializers.FollowingAnswer,
        operation_id="social_following",
    )
    @action(detail=True, methods=["get"])
    def following(self, request: Request, uid: str) -> Response:
        """List the people whom a person follows, newest first."""
        given = validate(serializers.EdgeQuery, request.query_params)
        edges = follows.get_following(check_uid(uid), **given)
        return Response({"user_id": uid, "count": len(edges), "following": serialize_edges(edges)})

    @extend_schema(
        parameters=[serializers.PATH_UID], responses=serializers.StatsAnswer, operation_id="social_stats"
    )
    @action(detail=True, methods=["get"])
    def stats(self, request: Request, uid: str) -> Response:
        """Return the exact numbers of a person's followers and followees, counted at the time of the request."""
        followers, following = follows.get_stats(check_uid(uid))
        return Response(
            {
                "user_id": uid,
                "followers_count": followers,
                "following_count": following,
                "updated_at": format_utc_iso(time.time()),
            }
        )

    @extend_schema(
        parameters=[serializers.PATH_UID], responses=serializers.MutualsAnswer, operation_id="social_mutuals"
    )
    @action(detail=True, methods=["get"])
    def mutuals(self, request: Request, uid: str) -> Response:
        """List the followees of a person who follow them back, among their newest 1,000 follows."""
        mutual = follows.get_mutuals(check_uid(uid))
        return Response({"user_id": uid, "count": len(mutual), "mutual_ids": mutual})


def check_uid(uid: str) -> str:
    """Return a uid from a path. Raises ValidationError if no person can have it."""
    if not is_followable_uid(uid):
        raise ValidationError({"uid": [serializers.INVALID_UID_MESSAGE]})
    return uid


def serialize_edges(edges: Sequence[FollowEdge]) -> list[dict[str, str]]:
    return [{"uid": edge.uid, "created_at": format_utc_iso(edge.at)} for edge in edges]
