"""The one place that turns errors into answers.

Their shape is `{"error": true, "message", "statusCode", "code", "details"?}`.

Services raise `ApiError` for what they foresee. `exception_handler` answers for all
that happens inside the API's views, `ApiErrors` (middleware) for what happens around
them. A client never sees a traceback, whatever DEBUG says; the log does.
"""

import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.log import log_response
from kombu.exceptions import OperationalError as BrokerError
from redis import exceptions as redis_errors
from rest_framework import exceptions as drf
from rest_framework.response import Response

from core import api_json
from core.logs import route_of

API_PATHS = ("/api", "/health")

REDIS_AWAY = (
    redis_errors.ConnectionError,
    redis_errors.TimeoutError,
    redis_errors.ReadOnlyError,
    redis_errors.ClusterDownError,
    redis_errors.MasterDownError,
    redis_errors.TryAgainError,
    redis_errors.OutOfMemoryError,
)
REDIS_RETRY = 2.0  # seconds; as long as the breaker stays open
SQL_RETRY = 5.0


class ApiError(Exception):
    """An error foreseen: a stable `code`, a sentence for people, an HTTP status, details for developers."""

    def __init__(
        self, code: str, message: str, status: int = 400, *, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = int(status)
        self.details = details

    @property
    def headers(self) -> dict[str, str]:
        return {}


class Unavailable(ApiError):
    """A part that the answer needs is away: 503, to be tried again after `retry_after` seconds."""

    def __init__(
        self,
        message: str = "The service is briefly unavailable. Try again soon.",
        *,
        code: str = "unavailable",
        retry_after: float = 1.0,
    ) -> None:
        super().__init__(code, message, 503)
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": whole_seconds(self.retry_after)}


def whole_seconds(seconds: float) -> str:
    """A Retry-After value: whole seconds, rounded up, at least 1."""
    return str(max(math.ceil(seconds), 1))


def first_line(error: BaseException) -> str:
    """What an error says, in one line: PostgreSQL adds the statement, which may name people."""
    return next(iter(str(error).splitlines()), "")


def body(status: int, code: str, message: str, details: Any = None) -> dict[str, Any]:
    """The one error shape."""
    shape: dict[str, Any] = {"error": True, "message": message, "statusCode": status, "code": code}
    if details:
        shape["details"] = details
    return shape


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. Answers every exception; the unforeseen are logged with their traceback."""
    foreseen = _foreseen(error)
    if isinstance(foreseen, drf.APIException):
        return _of_drf(foreseen)
    response = Response(
        body(foreseen.status, foreseen.code, foreseen.message, foreseen.details),
        status=foreseen.status,
        headers=foreseen.headers,
    )
    _report(error, foreseen, context, response)
    return response


def _foreseen(error: Exception) -> ApiError | drf.APIException:
    """The answer to an exception of any origin, in our words or DRF's."""
    if isinstance(error, ApiError | drf.APIException):
        return error
    # An exception that says when to come back is an outage: BreakerOpen here, an app's own above us.
    if isinstance(wait := getattr(error, "retry_after", None), int | float):
        return Unavailable(retry_after=wait)
    if isinstance(error, REDIS_AWAY):
        return Unavailable(retry_after=REDIS_RETRY)
    if isinstance(error, OperationalError | InterfaceError | BrokerError):
        return Unavailable(retry_after=SQL_RETRY)
    return _of_django(error) or ApiError("server_error", "Something went wrong on our side.", 500)


def _of_django(error: Exception) -> ApiError | None:
    if isinstance(error, Http404):
        return ApiError("not_found", "There is nothing here.", 404)
    if isinstance(error, PermissionDenied):
        return ApiError("permission_denied", "This is not allowed.", 403)
    if isinstance(error, RequestDataTooBig):
        return ApiError("body_too_large", "The body is too large.", 413)
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return ApiError("bad_request", "The request cannot be understood.", 400)
    return None


def _of_drf(error: drf.APIException) -> Response:
    codes = error.get_codes()
    details: Mapping[str, Any] | None = None
    code = codes if isinstance(codes, str) else error.default_code
    message = str(error.detail)
    if isinstance(error, drf.ValidationError):
        code = "invalid"
        details = error.detail if isinstance(error.detail, Mapping) else {"non_field_errors": error.detail}
        message = _first_complaint(error.detail)
    headers: dict[str, str] = {}
    # DRF sets this one on the exception, when the view's first authenticator names a scheme.
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, drf.Throttled):
        headers["Retry-After"] = whole_seconds(getattr(error, "wait", None) or 1)
    status = int(error.status_code)
    return Response(body(status, code, message, details), status=status, headers=headers)


def _first_complaint(detail: Any, path: str = "") -> str:
    """`field: complaint`, for the clients that show only the message."""
    if isinstance(detail, Mapping) and detail:
        name, inner = next(iter(detail.items()))
        step = "" if name == "non_field_errors" else str(name)
        return _first_complaint(inner, f"{path}.{step}".strip("."))
    if isinstance(detail, list) and detail:
        return _first_complaint(next((entry for entry in detail if entry), ""), path)
    return f"{path}: {detail}" if path else str(detail)


def _report(error: Exception, foreseen: ApiError, context: Mapping[str, Any], response: Response) -> None:
    """Log a 5xx once: what is merely away in one line, what is a fault of ours with its traceback."""
    if foreseen.status < 500:
        return
    request = getattr(context.get("request"), "_request", None)
    route = route_of(request)
    if isinstance(foreseen, Unavailable):
        log_response(
            "Unavailable: %s (%s: %s)",
            route,
            type(error).__name__,
            first_line(error),
            response=response,
            request=request,
            level="warning",
        )
        return
    log_response("Internal Server Error: %s", route, response=response, request=request, exception=error)
    if request is not None:
        got_request_exception.send(sender=None, request=request)


class ApiErrors:
    """Middleware, around all but the one that watches: errors outside the API's views, in the one shape too.

    Unknown paths, refused hosts, oversized headers, faults in other middleware, and
    Django's own DEBUG pages. Paths of people (the admin) keep their HTML.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(API_PATHS):
            return self._get_response(request)
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path or "\0" in query or "%00" in query:
            # No id, title or search has one, PostgreSQL refuses it: better here than in each view.
            return _plain(400, "null_character", "The address contains a NUL character.")
        response = self._get_response(request)
        if _is_unread(request):
            # The server ends the connection behind this answer; a client that is not told would send its next request.
            response.headers["Connection"] = "close"
        if response.status_code < 400 or response.headers.get("Content-Type", "").startswith(
            api_json.MEDIA_TYPE
        ):
            return response
        return _in_shape(response)


def _is_unread(request: HttpRequest) -> bool:
    """Whether the request was answered without a look at its body: refused, or too late."""
    return request.META.get("CONTENT_LENGTH", "") not in {"", "0"} and not getattr(
        request, "_read_started", True
    )


def _in_shape(page: HttpResponse) -> HttpResponse:
    """The same status and headers around our body."""
    status = page.status_code
    known = {
        400: ("bad_request", "The request cannot be understood."),
        403: ("permission_denied", "This is not allowed."),
        404: ("not_found", "There is nothing here."),
        405: ("method_not_allowed", "This method is not allowed here."),
        413: ("body_too_large", "The body is too large."),
        429: ("throttled", "These were too many requests. Try again later."),
        503: ("unavailable", "The service is briefly unavailable. Try again soon."),
    }
    fallback = (
        ("server_error", "Something went wrong on our side.") if status >= 500 else ("error", _phrase(status))
    )
    answer = _plain(status, *known.get(status, fallback))
    for name in ("Allow", "Retry-After", "WWW-Authenticate", "RateLimit", "RateLimit-Policy"):
        if name in page.headers:
            answer.headers[name] = page.headers[name]
    answer.cookies = page.cookies
    # Django logs an answer once, and knows by this that it has.
    answer._has_been_logged = getattr(page, "_has_been_logged", False)  # type: ignore[attr-defined]
    return answer


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _plain(status: int, code: str, message: str) -> HttpResponse:
    return HttpResponse(
        api_json.dumps(body(status, code, message)), status=status, content_type=api_json.MEDIA_TYPE
    )
