"""Middleware that sets the deadline of each request."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import deadlines


class DeadlineMiddleware:
    """Set the deadline that the front gave the request, which counts from its arrival. Views may shorten it.

    Without the front, the deadline is REQUEST_DEADLINE for paths under API_ROOT and STAFF_DEADLINE for all others.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ends = request.META.get(deadlines.ENVIRON_KEY)
        if ends is None:
            is_api = request.path.startswith(settings.API_ROOT)
            ends = time.monotonic() + (settings.REQUEST_DEADLINE if is_api else settings.STAFF_DEADLINE)
        with deadlines.request_deadline_at(ends):
            return self._get_response(request)
