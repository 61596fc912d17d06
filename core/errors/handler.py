"""DRF's exception handler: one response for every exception in an API view.

Clients never see a traceback, whatever DEBUG says. The log does.
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.http import Http404, UnreadablePostError
from django.utils.log import log_response
from rest_framework import exceptions as drf
from rest_framework.response import Response

from core.errors.types import (
    ApiError,
    Unavailable,
    error_body,
    first_line,
    format_retry_after,
)
from core.outages import get_outage
from core.routes import get_route


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Return the response to any exception. Unexpected errors are logged with their traceback."""
    api_error = _to_api_error(error)
    if isinstance(api_error, drf.APIException):
        return _from_drf(api_error)
    response = Response(
        error_body(api_error.status, api_error.code, api_error.message, api_error.details),
        status=api_error.status,
        headers=api_error.headers,
    )
    _log_server_error(error, api_error, context, response)
    return response


def _to_api_error(error: Exception) -> ApiError | drf.APIException:
    if isinstance(error, ApiError | drf.APIException):
        return error
    if outage := get_outage(error):
        return Unavailable(retry_after=outage.retry_after)
    return _from_django(error) or ApiError("server_error", "Something went wrong on our side.", 500)


def _from_django(error: Exception) -> ApiError | None:
    if isinstance(error, Http404):
        return ApiError("not_found", "There is nothing here.", 404)
    if isinstance(error, PermissionDenied):
        return ApiError("permission_denied", "This is not allowed.", 403)
    if isinstance(error, RequestDataTooBig):
        return ApiError("body_too_large", "The body is too large.", 413)
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return ApiError("bad_request", "The request cannot be understood.", 400)
    return None


def _from_drf(error: drf.APIException) -> Response:
    codes = error.get_codes()
    details: Mapping[str, Any] | None = None
    code = codes if isinstance(codes, str) else error.default_code
    message = str(error.detail)
    if isinstance(error, drf.ValidationError):
        code = "invalid"
        details = error.detail if isinstance(error.detail, Mapping) else {"non_field_errors": error.detail}
        message = _first_message(error.detail)
    headers: dict[str, str] = {}
    # DRF sets `auth_header` on the exception if the view's first authenticator names a scheme.
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, drf.Throttled):
        headers["Retry-After"] = format_retry_after(getattr(error, "wait", None) or 1)
    status = int(error.status_code)
    return Response(error_body(status, code, message, details), status=status, headers=headers)


def _first_message(detail: Any, path: str = "") -> str:
    """Return `field: message` of the first validation error, for clients that show only the message."""
    if isinstance(detail, Mapping) and detail:
        name, inner = next(iter(detail.items()))
        step = "" if name == "non_field_errors" else str(name)
        return _first_message(inner, f"{path}.{step}".strip("."))
    if isinstance(detail, list) and detail:
        return _first_message(next((entry for entry in detail if entry), ""), path)
    return f"{path}: {detail}" if path else str(detail)


def log_outage(error: BaseException, request: Any, response: Any) -> None:
    """Log an outage in one line. Django then does not log its response again."""
    log_response(
        "Unavailable: %s (%s: %s)",
        get_route(request),
        type(error).__name__,
        first_line(error),
        response=response,
        request=request,
        level="warning",
    )


def _log_server_error(
    error: Exception, api_error: ApiError, context: Mapping[str, Any], response: Response
) -> None:
    """Log a 5xx once: an outage in one line, a fault of ours with its traceback."""
    if api_error.status < 500:
        return
    request = getattr(context.get("request"), "_request", None)
    if isinstance(api_error, Unavailable):
        log_outage(error, request, response)
        return
    route = get_route(request)
    log_response("Internal Server Error: %s", route, response=response, request=request, exception=error)
    if request is not None:
        got_request_exception.send(sender=None, request=request)
