"""Every request gets its deadline before anything else is done for it."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from core import deadlines


class Deadlines:
    """Middleware: REQUEST_DEADLINE for what phones ask, STAFF_DEADLINE for the rest. Pages of a feed take less."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        api = request.path.startswith("/api/v1/")
        with deadlines.request_deadline(settings.REQUEST_DEADLINE if api else settings.STAFF_DEADLINE):
            return self._get_response(request)
