"""A small API for tests of authentication, errors and JSON."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError as BrokerError
from redis import exceptions as redis_errors
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from activity.types import StoreUnavailable
from core.auth.drf import get_viewer
from core.circuit import CircuitOpen
from core.errors import ApiError, Unavailable
from core.redis.client import state_redis


class Form(serializers.Serializer[Any]):
    limit = serializers.IntegerField(min_value=1)
    names = serializers.ListField(child=serializers.CharField(max_length=3), required=False)


class WhoAmI(APIView):
    def get(self, request: Request) -> Response:
        viewer = get_viewer(request)
        return Response({"uid": viewer.uid, "name": viewer.name, "picture": viewer.picture})


class Post(APIView):
    def post(self, request: Request) -> Response:
        form = Form(data=request.data)
        form.is_valid(raise_exception=True)
        return Response(form.validated_data)


class Redis(APIView):
    def get(self, request: Request) -> Response:
        return Response({"pong": state_redis().ping()})


class Sql(APIView):
    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM there_is_no_such_table")
        return Response({})


class Values(APIView):
    def get(self, request: Request) -> Response:
        return Response({"decimal": Decimal("1.5"), "lazy": gettext_lazy("later"), "set": {2, 1}, 5: None})


class Unserialisable(APIView):
    def get(self, request: Request) -> Response:
        return Response({"thing": object()})


RAISED: dict[str, Callable[[], Exception]] = {
    "fault": lambda: RuntimeError("an internal secret"),
    "api": lambda: ApiError("invalid_cursor", "The cursor is not valid.", 400, details={"cursor": ["x"]}),
    "unavailable": lambda: Unavailable("The store is unavailable.", retry_after=1.2),
    "store": lambda: StoreUnavailable("secret host"),
    "breaker": lambda: CircuitOpen("redis", 1.7),
    "redis-timeout": lambda: redis_errors.TimeoutError("secret host"),
    "redis-loading": lambda: redis_errors.BusyLoadingError("loading"),
    "redis-full": lambda: redis_errors.OutOfMemoryError("OOM"),
    "redis-misuse": lambda: redis_errors.ResponseError("WRONGTYPE"),
    "sql": lambda: OperationalError("secret host"),
    "sql-closed": lambda: InterfaceError("connection already closed"),
    "broker": lambda: BrokerError("secret host"),
    "missing": Http404,
    "forbidden": lambda: PermissionDenied("an internal secret"),
    "suspicious": lambda: SuspiciousOperation("an internal secret"),
    "bad": lambda: BadRequest("an internal secret"),
    "throttled": lambda: Throttled(wait=2.1),
    "throttled-unknown": Throttled,
}


def _raising(name: str) -> URLPattern:
    class Raising(APIView):
        def get(self, request: Request) -> Response:
            raise RAISED[name]()

    return path(f"api/v1/raise/{name}", Raising.as_view())


def plain_fault(request: HttpRequest) -> HttpResponse:
    raise RAISED["fault"]()


def plain_missing(request: HttpRequest) -> HttpResponse:
    raise Http404


urlpatterns = [
    path("api/v1/me", WhoAmI.as_view()),
    path("api/v1/post", Post.as_view()),
    path("api/v1/redis", Redis.as_view()),
    path("api/v1/sql", Sql.as_view()),
    path("api/v1/values", Values.as_view()),
    path("api/v1/unserialisable", Unserialisable.as_view()),
    path("api/plain-fault", plain_fault),
    path("api/plain-missing", plain_missing),
    path("page-fault", plain_fault),
    *(_raising(name) for name in RAISED),
]
