"""Middleware that turns errors outside of API views into the API's error shape.

These are unknown paths, refused hosts, oversized headers, faults in other middleware and Django's DEBUG pages.
Paths outside of the API keep Django's HTML pages.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import api_json
from core.errors import error_body

_MESSAGES: Final = {
    400: ("bad_request", "The request cannot be understood."),
    403: ("permission_denied", "This is not allowed."),
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This method is not allowed here."),
    413: ("body_too_large", "The body is too large."),
    429: ("throttled", "These were too many requests. Try again later."),
    503: ("unavailable", "The service is briefly unavailable. Try again soon."),
}
_KEPT_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate", "RateLimit", "RateLimit-Policy")


class ApiErrorMiddleware:
    """Give all errors of API paths the error shape. Only the observability middleware goes around it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.API_PATH_PREFIXES):
            return self._get_response(request)
        query = request.META.get("QUERY_STRING", "")
        if "\0" in request.path or "\0" in query or "%00" in query:
            # PostgreSQL refuses NUL, and no id, title or search contains it. One check here replaces one per view.
            return _error_response(400, "null_character", "The address contains a NUL character.")
        response = self._get_response(request)
        is_json = response.headers.get("Content-Type", "").startswith(api_json.MEDIA_TYPE)
        return response if response.status_code < 400 or is_json else _to_error_response(response)


def _to_error_response(page: HttpResponse) -> HttpResponse:
    """Return an error response with the page's status, cookies and relevant headers."""
    status = page.status_code
    default = (
        ("server_error", "Something went wrong on our side.") if status >= 500 else ("error", _phrase(status))
    )
    response = _error_response(status, *_MESSAGES.get(status, default))
    for name in _KEPT_HEADERS:
        if name in page.headers:
            response.headers[name] = page.headers[name]
    response.cookies = page.cookies
    # Django sets this on a response that it has logged, so that it logs each response once.
    response._has_been_logged = getattr(page, "_has_been_logged", False)  # type: ignore[attr-defined]
    return response


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _error_response(status: int, code: str, message: str) -> HttpResponse:
    return HttpResponse(
        api_json.dumps(error_body(status, code, message)), status=status, content_type=api_json.MEDIA_TYPE
    )
