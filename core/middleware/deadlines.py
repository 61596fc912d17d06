"""Middleware that sets the deadline of each request."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import deadlines


class DeadlineMiddleware:
    """Set REQUEST_DEADLINE for paths under API_ROOT and STAFF_DEADLINE for all others. Views may shorten it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_api = request.path.startswith(settings.API_ROOT)
        with deadlines.request_deadline(settings.REQUEST_DEADLINE if is_api else settings.STAFF_DEADLINE):
            return self._get_response(request)
