"""What the phone says of its person and asks of others: thin shells over services.

The uid is the token's, always; a path or body names only other people.
"""

import time
from collections.abc import Sequence

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from activity import serializers as shapes
from activity.services import follows, people, preferences, relations
from activity.types import Edge, Relation, is_uid
from content.types import title_key
from core.auth.drf import get_viewer
from core.times import format_utc_iso


def checked(shape: type[Serializer[None]], data: object) -> dict:  # type: ignore[type-arg]
    """The validated body or query; raises ValidationError."""
    given = shape(data=data)
    given.is_valid(raise_exception=True)
    return given.validated_data  # type: ignore[no-any-return]


class MeViewSet(viewsets.ViewSet):
    """What people say of themselves."""

    @extend_schema(
        request=shapes.PreferencesSerializer,
        responses=shapes.PreferencesAnswer,
        operation_id="preferences_sync",
    )
    @action(detail=False, methods=["post"])
    def preferences(self, request: Request) -> Response:
        """Keep what the viewer chose. Picking other genres starts a new session of the feed."""
        given = checked(shapes.PreferencesSerializer, request.data)
        names = [name for key in ("selectedGenres", "selectedGenreIds") for name in given.get(key, ())]
        stated = "selectedGenres" in given or "selectedGenreIds" in given
        viewer = get_viewer(request)
        people.sync_name_from_token(viewer.uid, viewer.name, viewer.picture)
        _, unknown = preferences.sync(
            viewer.uid,
            genre_names=names if stated else None,
            providers=given.get("streamingProviders"),
            movies=given.get("selectedMovies"),
            shows=given.get("selectedShows"),
        )
        return Response({"status": "synced", "uid": viewer.uid, "unknownGenres": unknown})

    @extend_schema(
        request=shapes.RelationSerializer, responses=shapes.RelationAnswer, operation_id="user_titles_sync"
    )
    @action(detail=False, methods=["post"])
    def titles(self, request: Request) -> Response:
        """State the viewer's whole relation to a title. A change is delivered to their followers."""
        given = checked(shapes.RelationSerializer, request.data)
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
    """Who follows whom, and who wants nothing of whom."""

    @extend_schema(
        request=shapes.FollowSerializer, responses=shapes.FollowAnswer, operation_id="social_follow"
    )
    @action(detail=False, methods=["post"])
    def follow(self, request: Request) -> Response:
        """Follow or unfollow somebody. Idempotent."""
        given = checked(shapes.FollowSerializer, request.data)
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

    @extend_schema(request=shapes.BlockSerializer, responses=shapes.BlockAnswer, operation_id="social_block")
    @action(detail=False, methods=["post"])
    def block(self, request: Request) -> Response:
        """Block or unblock somebody: neither sees the other's deeds, and their follows end. Idempotent."""
        given = checked(shapes.BlockSerializer, request.data)
        act = follows.block if given["action"] == "block" else follows.unblock
        try:
            act(get_viewer(request).uid, given["target_uid"], now=time.time())
        except ValueError as reason:
            raise ValidationError({"target_uid": [str(reason)]}) from reason
        return Response({"success": True, **given})

    @extend_schema(
        parameters=[shapes.PATH_UID, shapes.EdgeQuery],
        responses=shapes.FollowersAnswer,
        operation_id="social_followers",
    )
    @action(detail=True, methods=["get"])
    def followers(self, request: Request, uid: str) -> Response:
        """Who follows this person, newest first."""
        given = checked(shapes.EdgeQuery, request.query_params)
        edges = follows.get_followers(known(uid), **given)
        return Response({"user_id": uid, "count": len(edges), "followers": listed(edges)})

    @extend_schema(
        parameters=[shapes.PATH_UID, shapes.EdgeQuery],
        responses=shapes.FollowingAnswer,
        operation_id="social_following",
    )
    @action(detail=True, methods=["get"])
    def following(self, request: Request, uid: str) -> Response:
        """Whom this person follows, newest first."""
        given = checked(shapes.EdgeQuery, request.query_params)
        edges = follows.get_following(known(uid), **given)
        return Response({"user_id": uid, "count": len(edges), "following": listed(edges)})

    @extend_schema(parameters=[shapes.PATH_UID], responses=shapes.StatsAnswer, operation_id="social_stats")
    @action(detail=True, methods=["get"])
    def stats(self, request: Request, uid: str) -> Response:
        """How many follow this person, and how many they follow: exact, counted now."""
        followers, following = follows.get_stats(known(uid))
        return Response(
            {
                "user_id": uid,
                "followers_count": followers,
                "following_count": following,
                "updated_at": format_utc_iso(time.time()),
            }
        )

    @extend_schema(
        parameters=[shapes.PATH_UID], responses=shapes.MutualsAnswer, operation_id="social_mutuals"
    )
    @action(detail=True, methods=["get"])
    def mutuals(self, request: Request, uid: str) -> Response:
        """Whom this person follows and is followed by, among their newest 1,000 follows."""
        mutual = follows.get_mutuals(known(uid))
        return Response({"user_id": uid, "count": len(mutual), "mutual_ids": mutual})


def known(uid: str) -> str:
    """A uid from a path; raises ValidationError for what can be nobody's."""
    if not is_uid(uid):
        raise ValidationError({"uid": [shapes.NO_UID]})
    return uid


def listed(edges: Sequence[Edge]) -> list[dict[str, str]]:
    return [{"uid": edge.uid, "created_at": format_utc_iso(edge.at)} for edge in edges]
