"""The response to an exception outside of API views: in middleware, on staff pages, in health checks."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error

from core.errors.handler import log_outage
from core.errors.types import format_retry_after
from core.outages import get_outage


def handle_500(request: HttpRequest) -> HttpResponse:
    """Return a 503 if the exception is an outage, and Django's 500 otherwise. It is the server's `handler500`."""
    error = sys.exception()
    outage = get_outage(error) if error else None
    if error is None or outage is None:
        return server_error(request)
    response = HttpResponse(
        "The service is briefly unavailable. Try again soon.",
        status=503,
        content_type="text/plain",
        headers={"Retry-After": format_retry_after(outage.retry_after)},
    )
    log_outage(error, request, response)
    return response
